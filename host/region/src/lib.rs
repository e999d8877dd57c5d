//! A region: coordinator, sequencer, feed, ticker.
