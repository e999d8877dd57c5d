//! An edge node: listener, routing, replica, identity.
