use super::*;

#[test]
fn valid_entries_parse() {
    for entry in [
        "http://example.com",
        "http://example.com/",
        "https://example.com:5555/",
        "http://example.com:4444..5555",
        "*://example.com:7777",
        "*://*:*",
        "postgres://*:*",
        "http://self",
        "http://self.alt",
        "http://localhost:3001",
        "http://*.example.com",
        "http://192.168.1.1:3002",
        "http://[::1]:8001",
        "http://[::1]",
        "*://127.0.0.0/24:80",
        "http://ff00::/8",
        "http://2001:db8::/32:443",
        " https://spaces.example ",
    ] {
        assert!(AllowedHosts::parse(&[entry]).is_ok(), "{entry}");
    }
}

#[test]
fn invalid_entries_are_refused() {
    for entry in [
        "",
        "*",
        ":",
        "example.com",
        "example.com:80",
        "localhost:3001",
        "[::1]:8080",
        "://example.com",
        "h2://example.com",
        "{http,https}://example.com",
        "http://",
        "http://{a,b}",
        "http://example.com:{80,81}",
        "*://example.com",
        "*://127.0.0.0/24",
        "tcp://127.0.0.1",
        "http://example.com/path",
        "http://example.com:6666/a/b",
        "http://*.example.com/a",
        "http://example.com//",
        "http://self//",
        "http://127.0.0.0/24/p",
        "http://127.0.0.0/33",
        "http://example.com:notaport",
        "http://example.com:99999",
        "http://example.com:8080..70000",
        "http://*.example.com:8080..",
        "http://example.com:80:90",
        "http://self:notaport",
        "http://*:notaport",
        "http://ff00::/8:99999",
        "http://*.",
        "http://*.*.example.com",
        "http://a.*.example.com",
        "http://*.127.0.0.1",
        "http://*.[::1]",
        "http://[::1",
        "http://[::1]junk",
        "http://[::1]::80",
        "http://exa[mple.com",
        "http://example%GG.com",
        "insecure:allow-all",
    ] {
        assert!(AllowedHosts::parse(&[entry]).is_err(), "{entry}");
    }
}

#[test]
fn hosts_are_allowed_by_scheme_name_and_port() {
    let cases: &[(&str, &str, &str, Option<u16>, bool)] = &[
        ("http://example.com:8383", "http", "example.com", Some(8383), true),
        ("http://example.com:8383", "http", "example.com", None, false),
        ("http://example.com:8383", "https", "example.com", Some(8383), false),
        ("*://example.com:443", "https", "example.com", None, true),
        ("*://example.com:443", "http", "example.com", None, false),
        ("https://example.com", "https", "EXAMPLE.com", None, true),
        ("https://example.com", "https", "example.com", Some(443), true),
        ("https://example.com", "https", "sub.example.com", None, false),
        ("http://*.Example.COM", "http", "a.example.com", None, true),
        ("http://*.example.com", "http", "a.b.example.com", None, true),
        ("http://*.example.com", "http", "example.com", None, false),
        ("http://*.example.com", "http", "myexample.com", None, false),
        ("http://*.example.com", "http", "10.0.0.1", None, false),
        ("http://example.com:4444..4446", "http", "example.com", Some(4444), true),
        ("http://example.com:4444..4446", "http", "example.com", Some(4446), false),
        ("postgres://*:*", "postgres", "10.1.2.3", Some(6000), true),
        ("postgres://*:*", "redis", "10.1.2.3", Some(6379), false),
        ("postgres://db", "postgres", "db", None, true),
        ("redis://*:*", "redis", "cache", None, true),
        ("*://127.0.0.1/24:63551", "tcp", "127.0.0.9", Some(63551), true),
        ("*://127.0.0.1/24:63551", "tcp", "127.0.1.9", Some(63551), false),
        ("*://127.0.0.1/24:63551", "tcp", "localhost", Some(63551), false),
        ("*://10.0.0.0/0:1", "tcp", "8.8.8.8", Some(1), true),
        ("*://10.0.0.7/32:1", "tcp", "10.0.0.8", Some(1), false),
        ("http://2001:db8::/32", "http", "[2001:db8:abcd::1]", None, true),
        ("http://2001:db8::/32", "http", "[2001:db9::1]", None, false),
        ("http://[::1]", "http", "[::1]", Some(80), true),
        ("http://[::1]", "http", "[::2]", Some(80), false),
        ("http://self", "http", "self", None, false),
        ("*://*:*", "anything", "anybody", None, true),
        ("*://*:*", "http", "not a host", None, false),
    ];
    for (entry, scheme, host, port, allowed) in cases {
        let hosts = AllowedHosts::parse(&[entry]).unwrap();
        assert_eq!(hosts.allows(scheme, host, *port), *allowed, "{entry} {scheme}://{host} {port:?}");
    }
}

#[test]
fn socket_addresses_are_matched() {
    let hosts = AllowedHosts::parse(&["tcp://127.0.0.0/8:5000..6000", "udp://[::1]:53"]).unwrap();
    for (scheme, address, allowed) in [
        ("tcp", "127.0.0.1:5432", true),
        ("tcp", "[::ffff:127.0.0.1]:5432", true),
        ("tcp", "127.0.0.1:6000", false),
        ("udp", "127.0.0.1:5432", false),
        ("udp", "[::1]:53", true),
    ] {
        assert_eq!(hosts.allows_address(scheme, address.parse().unwrap()), allowed, "{scheme} {address}");
    }
}

#[test]
fn self_names_the_application() {
    for (entry, allowed) in [
        ("http://self", true),
        ("https://self", true),
        ("*://*:*", true),
        ("postgres://*:*", false),
        ("http://example.com", false),
    ] {
        assert_eq!(AllowedHosts::parse(&[entry]).unwrap().allows_self(&["http", "https"]), allowed, "{entry}");
    }
    assert!(!AllowedHosts::default().allows_self(&["http", "https"]));
}
