//! What the demo catalog is made of.

/// A city with its country (ISO 3166-1), time zone (IANA) and currency (ISO 4217), and how many minor units one euro is worth there, roughly.
pub struct City {
    pub name: &'static str,
    pub country: &'static str,
    pub timezone: &'static str,
    /// Hours to add to UTC for local time, roughly: events begin in the evening where they are.
    pub hours: i64,
    pub currency: &'static str,
    /// Minor units in a euro.
    pub per_euro: i64,
    /// Prices are rounded to so many minor units.
    pub round_to: i64,
}

const fn city(
    name: &'static str,
    country: &'static str,
    timezone: &'static str,
    hours: i64,
    currency: &'static str,
    per_euro: i64,
    round_to: i64,
) -> City {
    City { name, country, timezone, hours, currency, per_euro, round_to }
}

pub const CITIES: &[City] = &[
    city("Amsterdam", "NL", "Europe/Amsterdam", 1, "EUR", 100, 50),
    city("Athens", "GR", "Europe/Athens", 2, "EUR", 100, 50),
    city("Auckland", "NZ", "Pacific/Auckland", 12, "NZD", 185, 100),
    city("Bangkok", "TH", "Asia/Bangkok", 7, "THB", 3_800, 1_000),
    city("Barcelona", "ES", "Europe/Madrid", 1, "EUR", 100, 50),
    city("Berlin", "DE", "Europe/Berlin", 1, "EUR", 100, 50),
    city("Buenos Aires", "AR", "America/Argentina/Buenos_Aires", -3, "ARS", 110_000, 50_000),
    city("Cape Town", "ZA", "Africa/Johannesburg", 2, "ZAR", 2_000, 500),
    city("Chicago", "US", "America/Chicago", -6, "USD", 110, 50),
    city("Colombo", "LK", "Asia/Colombo", 5, "LKR", 33_000, 5_000),
    city("Copenhagen", "DK", "Europe/Copenhagen", 1, "DKK", 745, 500),
    city("Dublin", "IE", "Europe/Dublin", 0, "EUR", 100, 50),
    city("Edinburgh", "GB", "Europe/London", 0, "GBP", 86, 50),
    city("Helsinki", "FI", "Europe/Helsinki", 2, "EUR", 100, 50),
    city("Istanbul", "TR", "Europe/Istanbul", 3, "TRY", 3_700, 1_000),
    city("Kyoto", "JP", "Asia/Tokyo", 9, "JPY", 165, 100),
    city("Lagos", "NG", "Africa/Lagos", 1, "NGN", 165_000, 50_000),
    city("Lisbon", "PT", "Europe/Lisbon", 0, "EUR", 100, 50),
    city("London", "GB", "Europe/London", 0, "GBP", 86, 50),
    city("Melbourne", "AU", "Australia/Melbourne", 10, "AUD", 170, 100),
    city("Mexico City", "MX", "America/Mexico_City", -6, "MXN", 2_000, 1_000),
    city("Montréal", "CA", "America/Toronto", -5, "CAD", 150, 100),
    city("Mumbai", "IN", "Asia/Kolkata", 5, "INR", 9_200, 5_000),
    city("Nairobi", "KE", "Africa/Nairobi", 3, "KES", 14_000, 5_000),
    city("New York", "US", "America/New_York", -5, "USD", 110, 50),
    city("Oslo", "NO", "Europe/Oslo", 1, "NOK", 1_170, 500),
    city("Paris", "FR", "Europe/Paris", 1, "EUR", 100, 50),
    city("Prague", "CZ", "Europe/Prague", 1, "CZK", 2_500, 1_000),
    city("Rome", "IT", "Europe/Rome", 1, "EUR", 100, 50),
    city("São Paulo", "BR", "America/Sao_Paulo", -3, "BRL", 610, 500),
    city("Seoul", "KR", "Asia/Seoul", 9, "KRW", 1_500, 1_000),
    city("Singapore", "SG", "Asia/Singapore", 8, "SGD", 145, 100),
    city("Stockholm", "SE", "Europe/Stockholm", 1, "SEK", 1_140, 500),
    city("Tokyo", "JP", "Asia/Tokyo", 9, "JPY", 165, 100),
    city("Vienna", "AT", "Europe/Vienna", 1, "EUR", 100, 50),
    city("Zürich", "CH", "Europe/Zurich", 1, "CHF", 95, 50),
];

/// A kind of event: how its titles are made, what it costs and how many fit in.
pub struct Kind {
    pub category: &'static str,
    /// `{a}` and `{b}` are replaced by one of each list, `{city}` by the city.
    pub titles: &'static [&'static str],
    pub first: &'static [&'static str],
    pub second: &'static [&'static str],
    pub descriptions: &'static [&'static str],
    pub venues: &'static [&'static str],
    /// Cents of a euro, least and most, for the cheapest ticket; 0: free.
    pub price: (i64, i64),
    /// Places, least and most.
    pub capacity: (i64, i64),
    /// Minutes, least and most.
    pub minutes: (i64, i64),
    /// Local hours at which they begin.
    pub begins: (i64, i64),
}

pub const KINDS: &[Kind] = &[
    Kind {
        category: "music",
        titles: &["{a} {b}", "{b} at Dusk: {a}", "An Evening with the {a} {b}", "The {a} {b} Live in {city}"],
        first: &["Amber", "Northern", "Velvet", "Paper", "Silver", "Midnight", "Wandering", "Copper", "Quiet", "Electric"],
        second: &[
            "Quartet",
            "Lanterns",
            "Strings",
            "Jazz Collective",
            "Orchestra",
            "Choir",
            "Brass Band",
            "Tides",
            "Echo",
            "Foxes",
        ],
        descriptions: &[
            "Two sets with an interval; doors open an hour before. New songs from this year's record, and the old ones everybody asks for.",
            "Seated in front, standing behind. The bar stays open, the phones please stay in pockets.",
            "A programme that begins with one violin and ends with everybody on stage.",
        ],
        venues: &["Blue Hall", "The Foundry", "Old Tram Depot", "Concert House", "Harbour Stage"],
        price: (1_500, 9_500),
        capacity: (120, 2_500),
        minutes: (90, 180),
        begins: (19, 21),
    },
    Kind {
        category: "theatre",
        titles: &["{a} of {b}", "The {b} Keeper", "{a}, or the {b}", "Three {b} and a {a}"],
        first: &["The Trial", "A House", "Winter", "The Last Day", "Letters", "Shadows", "The Comedy"],
        second: &["Salt", "Doors", "the Sea", "Glass", "Mirrors", "Strangers", "the Orchard"],
        descriptions: &[
            "A new production with a cast of seven. No admission after the play has begun.",
            "Played in the round, with surtitles. Ninety minutes and no interval.",
            "The ensemble's farewell to the old house, before the roof is mended.",
        ],
        venues: &["City Theatre", "Courtyard Playhouse", "Studio Nine", "The Little Stage"],
        price: (1_800, 7_500),
        capacity: (80, 700),
        minutes: (90, 165),
        begins: (18, 20),
    },
    Kind {
        category: "comedy",
        titles: &["{a} {b}", "{b}: {a}", "{city} Laughs: {a} {b}"],
        first: &["Mostly", "Still", "Barely", "Probably", "Politely", "Hardly"],
        second: &["Sorry", "Awake", "Grown Up", "Employed", "Joking", "Prepared"],
        descriptions: &[
            "An hour of new material, tried on people who were promised the old.",
            "Four comedians, one microphone, a host who keeps time. From 16.",
        ],
        venues: &["The Cellar", "Laughing Owl", "Backroom", "Station Bar"],
        price: (900, 3_500),
        capacity: (40, 350),
        minutes: (60, 120),
        begins: (19, 22),
    },
    Kind {
        category: "sport",
        titles: &["{city} {a} {b}", "{a} {b} Final", "Night of {a}: {b}"],
        first: &["Handball", "Basketball", "Table Tennis", "Climbing", "Cycling", "Volleyball", "Fencing"],
        second: &["Cup", "Derby", "Open", "Masters", "Classic"],
        descriptions: &[
            "Gates open ninety minutes before. Family block on the south side; flags welcome, sticks are not.",
            "The season's last home fixture, with the juniors playing before.",
        ],
        venues: &["Riverside Arena", "Sports Palace", "Velodrome", "Eastside Hall"],
        price: (1_000, 6_000),
        capacity: (500, 9_000),
        minutes: (90, 240),
        begins: (14, 20),
    },
    Kind {
        category: "tech",
        titles: &["{a} {b} {city}", "{b} on {a}", "{a} for Everybody: A {b}"],
        first: &["Databases", "WebAssembly", "Robotics", "Open Data", "Type Systems", "Maps", "Accessibility"],
        second: &["Summit", "Workshop", "Meetup", "Day", "Unconference"],
        descriptions: &[
            "Talks in the morning, workshops in the afternoon, and time in between. Lunch is included.",
            "Bring a laptop and a question. Recordings are published afterwards, with captions.",
        ],
        venues: &["Innovation Hub", "University Forum", "Library Auditorium", "The Workshop"],
        price: (0, 24_000),
        capacity: (50, 900),
        minutes: (180, 540),
        begins: (9, 13),
    },
    Kind {
        category: "food",
        titles: &["{a} and {b}", "The {a} {b}", "{city} {b} Tasting: {a}"],
        first: &["Bread", "Cheese", "Tea", "Coffee", "Spice", "Chocolate", "Natural Wine", "Street"],
        second: &["Supper", "Market", "Kitchen", "Table", "Evening", "Class"],
        descriptions: &[
            "Five courses, or six plates, depending on what the morning's market had. Tell us about allergies.",
            "You cook, we explain, everybody eats. Aprons are lent.",
        ],
        venues: &["Market Hall", "The Long Table", "Garden Kitchen", "Pier 7"],
        price: (2_500, 12_000),
        capacity: (16, 140),
        minutes: (120, 240),
        begins: (17, 19),
    },
    Kind {
        category: "art",
        titles: &["{a}: {b}", "{b} in {a}", "After Hours: {a} {b}"],
        first: &["Paper", "Light", "Clay", "Colour", "Thread", "Stone", "Ink"],
        second: &["New Works", "A Retrospective", "Guided Tour", "Drawing Night", "Installations"],
        descriptions: &[
            "A guided hour with the curator, then the rooms to yourselves.",
            "Materials are provided; no experience needed. What you make you take home.",
        ],
        venues: &["Museum of Modern Art", "Gallery West", "The Print Room", "Old Waterworks"],
        price: (0, 3_000),
        capacity: (20, 250),
        minutes: (60, 150),
        begins: (10, 19),
    },
    Kind {
        category: "film",
        titles: &["{a} {b}", "{b} under the Stars: {a}", "Restored: {a} {b}"],
        first: &["Silent", "Nordic", "Short", "Animated", "Lost", "Noir"],
        second: &["Film Night", "Classics", "Shorts", "Documentaries", "Double Bill"],
        descriptions: &[
            "Original version with subtitles, from a restored print. An introduction of ten minutes first.",
            "Blankets are on the seats. In heavy rain we move next door.",
        ],
        venues: &["Lumen Cinema", "Rooftop Screen", "Arthouse 2", "The Regent"],
        price: (600, 1_800),
        capacity: (60, 400),
        minutes: (90, 210),
        begins: (17, 22),
    },
    Kind {
        category: "family",
        titles: &["The {a} {b}", "{a} {b} for Small People", "{b} Sunday: {a}"],
        first: &["Curious", "Flying", "Tiny", "Upside-Down", "Sleepy", "Brave"],
        second: &["Puppet Show", "Science Lab", "Circus", "Story Hour", "Orchestra"],
        descriptions: &[
            "From four years, with a grown-up. Fifty minutes, and then everybody may touch everything.",
            "A matinée with an early end. Prams have a place in the foyer.",
        ],
        venues: &["Children's Museum", "Park Pavilion", "Toy Theatre", "Botanical Garden"],
        price: (500, 2_200),
        capacity: (40, 400),
        minutes: (45, 100),
        begins: (10, 15),
    },
    Kind {
        category: "wellness",
        titles: &["{a} {b}", "{b} at Sunrise: {a}", "{a} {b} by the Water"],
        first: &["Slow", "Deep", "Gentle", "Open-Air", "Winter", "Silent"],
        second: &["Yoga", "Breathing", "Walk", "Retreat", "Swim", "Sauna"],
        descriptions: &[
            "For beginners and for those who have begun often. Mats are there, tea afterwards.",
            "A small group and no phones. Wear layers.",
        ],
        venues: &["Lake House", "Sun Terrace", "Bathhouse", "The Quiet Room"],
        price: (0, 6_500),
        capacity: (12, 80),
        minutes: (60, 300),
        begins: (7, 18),
    },
];

/// Who puts events on.
pub const ORGANISERS: &[&str] = &[
    "Blue Hall",
    "Harbour Nights",
    "Lantern Productions",
    "Open House Collective",
    "Meridian Events",
    "Paper Moon Theatre",
    "Northside Sports",
    "The Long Table",
];
