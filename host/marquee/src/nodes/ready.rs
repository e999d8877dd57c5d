//! What `up` prints when everything answers: where, and what to try.

use crate::error::Error;
use crate::nodes::listeners::Addresses;
use crate::say;

/// Prints the line that programs wait for, and three commands for people.
pub fn print(addresses: &Addresses, platform: bool) -> Result<(), Error> {
    let [one, other] = addresses.edges;
    say(&format!("ready  http://{one}  http://{other}  admin http://{}", addresses.admin))?;
    for command in commands(addresses, platform) {
        say(&format!("  {command}"))?;
    }
    Ok(())
}

fn commands(addresses: &Addresses, platform: bool) -> [String; 3] {
    let ([one, other], admin) = (addresses.edges, addresses.admin);
    if platform {
        [
            format!("curl -s 'http://{one}/api/events?limit=3'"),
            format!("curl -s 'http://{other}/api/events?available=true&sort=starts_at&limit=3'"),
            // A new address each time it is pasted.
            format!(
                "curl -s 'http://{one}/api/auth/register' -H 'Content-Type: application/json' \
                 -d '{{\"email\": \"ada-'$(date +%s%N)'@example.com\", \"password\": \"correct horse battery\", \"name\": \"Ada\"}}'"
            ),
        ]
    } else {
        [
            format!("curl -s http://{one}/"),
            format!("curl -s http://{admin}/health/detailed"),
            format!("curl -s http://{admin}/metrics"),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_whole_lines_for_a_shell() {
        let address = |port| ([127, 0, 0, 1], port).into();
        let addresses = Addresses { edges: [address(8080), address(8081)], admin: address(8090) };
        for platform in [true, false] {
            for command in commands(&addresses, platform) {
                assert!(command.starts_with("curl -s ") && !command.contains('\n'), "{command}");
                assert_eq!(command.matches('\'').count() % 2, 0, "{command}");
            }
        }
    }
}
