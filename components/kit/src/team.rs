//! Who may do what for an organiser: the one table that every component asks.

use crate::{Problem, params, sql::Tx};

pub use vocabulary::accounts::TeamRole;

/// What can be done for an organiser.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Permission {
    /// Its events, drafts included.
    SeeEvents,
    /// Create, change, publish and cancel events.
    EditEvents,
    /// Orders, with what their buyers gave and paid; analytics.
    SeeOrders,
    /// Cancel orders, change whose they are, sell at the counter, write notes.
    EditOrders,
    /// Give money back.
    Refund,
    /// Who comes: names and what they are admitted to.
    SeeAttendees,
    /// Let people in, and take that back.
    CheckIn,
    /// Write to those who come.
    SendMessages,
    /// Invite, change and remove members.
    ManageTeam,
    /// Keys of its own programs, and webhooks.
    ManagePrograms,
}

impl Permission {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::SeeEvents,
        Self::EditEvents,
        Self::SeeOrders,
        Self::EditOrders,
        Self::Refund,
        Self::SeeAttendees,
        Self::CheckIn,
        Self::SendMessages,
        Self::ManageTeam,
        Self::ManagePrograms,
    ];

    /// Whether a member with this role may do it.
    pub fn granted_to(self, role: TeamRole) -> bool {
        match role {
            TeamRole::Owner => true,
            TeamRole::Manager => !matches!(self, Self::ManageTeam | Self::ManagePrograms),
            TeamRole::Finance => matches!(self, Self::SeeEvents | Self::SeeOrders | Self::Refund),
            TeamRole::Door => matches!(self, Self::SeeEvents | Self::SeeAttendees | Self::CheckIn),
        }
    }
}

/// What a user is to an organiser.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Authority {
    /// An admin, who may do everything.
    Admin,
    /// A member of its team.
    Member(TeamRole),
    /// Nobody.
    Stranger,
}

impl Authority {
    /// Whether that permits it.
    pub fn may(self, permission: Permission) -> bool {
        match self {
            Self::Admin => true,
            Self::Member(role) => permission.granted_to(role),
            Self::Stranger => false,
        }
    }
}

/// What a user is to an organiser. Membership alone is nothing: an admin who takes the organiser's role away takes it away for all of them.
pub async fn authority(tx: &mut Tx, user: &str, organiser: &str) -> Result<Authority, Problem> {
    let rows: Vec<(String,)> = tx
        .all(
            "SELECT m.role FROM organiser_members m JOIN user_roles r ON r.user_id = m.user_id AND r.role = 'organiser' \
             WHERE m.organiser_id = $1 AND m.user_id = $2 UNION ALL SELECT role FROM user_roles WHERE user_id = $2 AND role = 'admin'",
            params![organiser, user],
        )
        .await?;
    if rows.iter().any(|(role,)| role == "admin") {
        return Ok(Authority::Admin);
    }
    Ok(rows.iter().find_map(|(role,)| TeamRole::named(role)).map_or(Authority::Stranger, Authority::Member))
}

/// Refuses a user who may not do that for an organiser.
pub async fn require(tx: &mut Tx, user: &str, organiser: &str, permission: Permission) -> Result<(), Problem> {
    match authority(tx, user, organiser).await? {
        authority if authority.may(permission) => Ok(()),
        Authority::Member(role) => {
            Err(Problem::refused(user, format!("Your role in this organiser's team, {}, does not permit this.", role.name())))
        }
        Authority::Admin | Authority::Stranger => Err(Problem::refused(user, "You may not act for this organiser.")),
    }
}

/// Whether a user may do that for any organiser at all.
pub async fn may_somewhere(tx: &mut Tx, user: &str, permission: Permission) -> Result<bool, Problem> {
    let rows: Vec<(String,)> = tx
        .all(
            "SELECT DISTINCT m.role FROM organiser_members m JOIN user_roles r ON r.user_id = m.user_id AND r.role = 'organiser' \
             WHERE m.user_id = $1 UNION ALL SELECT role FROM user_roles WHERE user_id = $1 AND role = 'admin'",
            params![user],
        )
        .await?;
    Ok(rows.iter().any(|(role,)| role == "admin" || TeamRole::named(role).is_some_and(|role| permission.granted_to(role))))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Who may do what, as the documents say it.
    #[test]
    fn roles_permit_as_documented() {
        use Permission as P;
        for (permission, may) in [
            (P::SeeEvents, "owner manager finance door"),
            (P::EditEvents, "owner manager"),
            (P::SeeOrders, "owner manager finance"),
            (P::EditOrders, "owner manager"),
            (P::Refund, "owner manager finance"),
            (P::SeeAttendees, "owner manager door"),
            (P::CheckIn, "owner manager door"),
            (P::SendMessages, "owner manager"),
            (P::ManageTeam, "owner"),
            (P::ManagePrograms, "owner"),
        ] {
            let roles: Vec<_> =
                TeamRole::ALL.iter().filter(|role| permission.granted_to(**role)).map(|role| role.name()).collect();
            assert_eq!(roles.join(" "), may, "{permission:?}");
            assert!(Authority::Admin.may(permission) && !Authority::Stranger.may(permission));
        }
    }
}
