//! The landing page, the API reference and the problem pages.
