//! `spin:variables/variables@3.0.0`: the component's own variables, as the manifest resolved them.

use bindings::spin::variables::variables::{self, Error};
use manifest::Secret;
use wasmtime::component::Accessor;

use crate::state::{Host, InstanceState};

impl variables::Host for InstanceState {}

impl<T: Send> variables::HostWithStore<T> for Host {
    async fn get(accessor: &Accessor<T, Self>, name: String) -> wasmtime::Result<Result<String, Error>> {
        Ok(accessor.with(|mut access| value(access.get(), &name)))
    }
}

/// A variable's value.
pub(crate) fn value(state: &InstanceState, name: &str) -> Result<String, Error> {
    if let Err(reason) = check_name(name) {
        return Err(Error::InvalidName(format!("{name:?}: {reason}")));
    }
    let value = state.grants.variables.get(name).map(Secret::expose).map(str::to_owned);
    value.ok_or_else(|| Error::Undefined(format!("no variable named {name:?}")))
}

/// Spin's rule for names.
fn check_name(name: &str) -> Result<(), &'static str> {
    let lower_case_or_digit = |char: char| char.is_ascii_lowercase() || char.is_ascii_digit();
    if !name.starts_with(|char: char| char.is_ascii_lowercase()) {
        Err("must start with a lower-case letter")
    } else if !name.ends_with(lower_case_or_digit) {
        Err("must end with a lower-case letter or a digit")
    } else if name.contains("__") {
        Err("must not have two underscores in a row")
    } else if !name.chars().all(|char| lower_case_or_digit(char) || char == '_') {
        Err("may have lower-case letters, digits and underscores only")
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::check_name;

    #[test]
    fn names() {
        for (name, valid) in [
            ("region", true),
            ("hold_seconds2", true),
            ("", false),
            ("2fast", false),
            ("_a", false),
            ("a_", false),
            ("a__b", false),
            ("A", false),
            ("a-b", false),
            ("größe", false),
        ] {
            assert_eq!(check_name(name).is_ok(), valid, "{name}");
        }
    }
}
