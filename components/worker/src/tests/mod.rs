mod effects;
mod mail;
mod records;
mod templates;
mod truth;
mod webhooks;
mod world;
