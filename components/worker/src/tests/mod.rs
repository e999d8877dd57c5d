mod effects;
mod formats;
mod languages;
mod mail;
mod records;
mod templates;
mod truth;
mod world;
