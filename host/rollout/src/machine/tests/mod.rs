//! What is decided, case by case. Whole rollouts are simulated: see `simulation`.

mod ground;
mod nodes;
mod people;
mod progress;
mod states;
