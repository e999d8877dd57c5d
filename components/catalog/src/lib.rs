//! Events: drafts, publishing, search.
