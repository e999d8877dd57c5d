//! How a type of WIT is written down in Rust.
//!
//! Each field and each case stands beside its name in WIT. Components map their WIT to these types by wit-bindgen's `with`, so that it generates none of
//! its own. A type that differs from its WIT does not compile in a component, nor in the host's crate `bindings`.
//!
//! Serde's form travels between nodes (in postcard, which goes by the order of fields and cases) and is stored in JSON (which goes by their names):
//! a field that is left out, moved or renamed is another protocol (`fleet::wire::VERSION`) and another format.

/// Records.
macro_rules! records {
    ($($(#[$meta:meta])* $name:ident { $($(#[$field_meta:meta])* $wit:literal $field:ident: $type:ty),+ $(,)? })+) => {$(
        $(#[$meta])*
        #[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
        pub struct $name {
            $($(#[$field_meta])* pub $field: $type),+
        }
    )+};
}

/// Variants: cases that may carry something.
macro_rules! variants {
    ($($(#[$meta:meta])* $name:ident { $($(#[$case_meta:meta])* $wit:literal $case:ident $(($type:ty))?),+ $(,)? })+) => {$(
        $(#[$meta])*
        #[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum $name {
            $($(#[$case_meta])* $case $(($type))?),+
        }
    )+};
}

/// Enums: cases that carry nothing.
macro_rules! enums {
    ($($(#[$meta:meta])* $name:ident { $($(#[$case_meta:meta])* $wit:literal $case:ident),+ $(,)? })+) => {$(
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
        #[serde(rename_all = "snake_case")]
        #[repr(u8)]
        pub enum $name {
            $($(#[$case_meta])* $case),+
        }

        impl $name {
            /// Every case, in WIT's order.
            pub const ALL: &[Self] = &[$(Self::$case),+];

            /// The case of this number: what wit-bindgen calls on an enum that comes from a component.
            #[doc(hidden)]
            #[must_use]
            pub fn _lift(number: u8) -> Self {
                match Self::ALL.get(usize::from(number)) {
                    Some(case) => *case,
                    // The component model lets no other number through.
                    None => unreachable!("case {number} of {}", stringify!($name)),
                }
            }
        }
    )+};
}

/// What WIT gives as an error is one in Rust.
macro_rules! errors {
    ($($name:ident),+) => {$(
        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                write!(f, "{self:?}")
            }
        }

        impl std::error::Error for $name {}
    )+};
}

pub(crate) use {enums, errors, records, variants};
