//! How components run: engine, application versions, instances.
