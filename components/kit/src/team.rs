//! Who may do what for an organiser: the one table that every component asks.
//!
//! A person acts for it as a member of its team, a program of its own by an API key. What the one may their role says, and SQL has it; what the other may
//! its token says, in whatever region.

use crate::{Problem, Request, claims, identity::Claims, params, sql::Tx};

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
    /// Webhooks: servers of its own that are told what happens.
    ManageWebhooks,
    /// Keys of its own programs.
    ManagePrograms,
}

impl Permission {
    /// All of them.
    pub const ALL: [Self; 11] = [
        Self::SeeEvents,
        Self::EditEvents,
        Self::SeeOrders,
        Self::EditOrders,
        Self::Refund,
        Self::SeeAttendees,
        Self::CheckIn,
        Self::SendMessages,
        Self::ManageTeam,
        Self::ManageWebhooks,
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
    /// As it is stored and shown, and as a token says it.
    pub fn name(self) -> &'static str {
        match self {
            Self::SeeEvents => "see-events",
            Self::EditEvents => "edit-events",
            Self::SeeOrders => "see-orders",
            Self::EditOrders => "edit-orders",
            Self::Refund => "refund",
            Self::SeeAttendees => "see-attendees",
            Self::CheckIn => "check-in",
            Self::SendMessages => "send-messages",
            Self::ManageTeam => "manage-team",
            Self::ManageWebhooks => "manage-webhooks",
            Self::ManagePrograms => "manage-programs",
        }
    }

    /// The permission of a name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|permission| permission.name() == name)
    }

    /// Whether an API key may have it. Who belongs to the team, which keys there are and who is told what happens, people alone decide: else a key that was
    /// stolen could make what outlives it.
    pub fn is_for_programs(self) -> bool {
        !matches!(self, Self::ManageTeam | Self::ManageWebhooks | Self::ManagePrograms)
    }

    const fn bit(self) -> u16 {
        1 << self as u16
    }
}

/// A set of permissions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Permissions(u16);

impl Permissions {
    /// Those with these names that a program may have; a name that is not known here permits nothing here.
    pub fn of_program<'a>(names: impl IntoIterator<Item = &'a String>) -> Self {
        let known =
            names.into_iter().filter_map(|name| Permission::named(name)).filter(|permission| permission.is_for_programs());
        Self(known.fold(0, |all, permission| all | permission.bit()))
    }

    /// Whether it is one of them.
    pub fn has(self, permission: Permission) -> bool {
        self.0 & permission.bit() != 0
    }
}

/// What somebody is to an organiser.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Authority {
    /// An admin, who may do everything.
    Admin,
    /// A member of its team.
    Member(TeamRole),
    /// A program of its own, by an API key with these permissions.
    Program(Permissions),
    /// Nobody.
    Stranger,
}

impl Authority {
    /// Whether that permits it.
    pub fn may(self, permission: Permission) -> bool {
        match self {
            Self::Admin => true,
            Self::Member(role) => permission.granted_to(role),
            Self::Program(permissions) => permissions.has(permission),
            Self::Stranger => false,
        }
    }
}

/// The verified claims of the request's bearer token, a person's or a program's, for what goes through [`require`] or [`authority`]. Everything else takes
/// [`claims::require`], which refuses programs, or [`claims::customer`]. Guests are refused.
pub async fn claims(request: &Request) -> Result<Claims, Problem> {
    claims::of(request, claims::Admitted::Teams).await
}

/// What the bearer of a token is to an organiser.
///
/// Of a person membership alone is nothing: an admin who takes the organiser's role away takes it away for all of them. Of a program the token says it
/// all; it is short-lived, and one whose key has ended is refused before this is asked.
pub async fn authority(tx: &mut Tx, claims: &Claims, organiser: &str) -> Result<Authority, Problem> {
    if let Some(scope) = &claims.scope {
        let own = scope.organiser == organiser;
        return Ok(if own { Authority::Program(Permissions::of_program(&scope.permissions)) } else { Authority::Stranger });
    }
    let rows: Vec<(String,)> = tx
        .all(
            "SELECT m.role FROM organiser_members m JOIN user_roles r ON r.user_id = m.user_id AND r.role = 'organiser' \
             WHERE m.organiser_id = $1 AND m.user_id = $2 UNION ALL SELECT role FROM user_roles WHERE user_id = $2 AND role = 'admin'",
            params![organiser, &claims.subject],
        )
        .await?;
    if rows.iter().any(|(role,)| role == "admin") {
        return Ok(Authority::Admin);
    }
    Ok(rows.iter().find_map(|(role,)| TeamRole::named(role)).map_or(Authority::Stranger, Authority::Member))
}

/// Refuses the bearer of a token who may not do that for an organiser.
pub async fn require(tx: &mut Tx, claims: &Claims, organiser: &str, permission: Permission) -> Result<(), Problem> {
    let detail = match authority(tx, claims, organiser).await? {
        authority if authority.may(permission) => return Ok(()),
        Authority::Member(role) => format!("Your role in this organiser's team, {}, does not permit this.", role.name()),
        Authority::Program(_) => format!("This API key does not permit this: it lacks {}.", permission.name()),
        Authority::Stranger if claims.scope.is_some() => "This API key is another organiser's.".to_owned(),
        Authority::Admin | Authority::Stranger => "You may not act for this organiser.".to_owned(),
    };
    Err(Problem::refused(&claims.subject, detail))
}

/// Whether the bearer of a token may do that for any organiser at all.
pub async fn may_somewhere(tx: &mut Tx, claims: &Claims, permission: Permission) -> Result<bool, Problem> {
    if let Some(scope) = &claims.scope {
        return Ok(Permissions::of_program(&scope.permissions).has(permission));
    }
    let rows: Vec<(String,)> = tx
        .all(
            "SELECT DISTINCT m.role FROM organiser_members m JOIN user_roles r ON r.user_id = m.user_id AND r.role = 'organiser' \
             WHERE m.user_id = $1 UNION ALL SELECT role FROM user_roles WHERE user_id = $1 AND role = 'admin'",
            params![&claims.subject],
        )
        .await?;
    Ok(rows.iter().any(|(role,)| role == "admin" || TeamRole::named(role).is_some_and(|role| permission.granted_to(role))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::Scope;
    use crate::sql::{
        self,
        testing::{Database, ready},
    };

    /// The rows of the table in docs/design.md: a permission, and who has it. Read as the test runs, since no component is built from it.
    fn documented(design: &str) -> Vec<(&str, Vec<&str>)> {
        const HEAD: &str = "| permission | what it is | owner | manager | finance | door | API key |";
        let (_, table) = design.split_once(HEAD).expect("the table of permissions");
        let rows = table.lines().skip(2).take_while(|line| line.starts_with('|'));
        let cells = |line| str::trim_matches(line, '|').split('|').map(str::trim).collect::<Vec<_>>();
        rows.map(cells).map(|cells| (cells[0].trim_matches('`'), cells[2..].to_vec())).collect()
    }

    /// Which is also what the tests of the API go by.
    #[test]
    fn roles_permit_as_documented() {
        let expected = Permission::ALL.map(|permission| {
            let roles = TeamRole::ALL.iter().map(|role| permission.granted_to(*role));
            let may = roles.chain([permission.is_for_programs()]);
            (permission.name(), may.map(|may| if may { "yes" } else { "–" }).collect())
        });
        let design = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/design.md")).unwrap();
        assert_eq!(documented(&design), expected, "left: docs/design.md; right: this module");
    }

    #[test]
    fn an_owner_may_everything_an_admin_as_well_and_a_stranger_nothing() {
        for permission in Permission::ALL {
            assert!(
                permission.granted_to(TeamRole::Owner)
                    && Authority::Admin.may(permission)
                    && !Authority::Stranger.may(permission)
            );
        }
    }

    #[test]
    fn names_lead_back() {
        assert!(Permission::ALL.into_iter().all(|permission| Permission::named(permission.name()) == Some(permission)));
        assert_eq!(Permission::named("everything"), None);
    }

    fn person(id: &str) -> Claims {
        Claims {
            subject: id.to_owned(),
            session: "eu_s".to_owned(),
            roles: vec!["admin".to_owned()],
            expires_at: 0,
            scope: None,
            guest: false,
        }
    }

    /// A key of the organiser `eu_o` with these permissions.
    fn program(permissions: &[&str]) -> Claims {
        let permissions = permissions.iter().map(|name| (*name).to_owned()).collect();
        Claims { scope: Some(Scope { organiser: "eu_o".to_owned(), permissions }), ..person("eu_k") }
    }

    /// What each may do for `eu_o`, and whether any of them may do anything for another.
    fn asked(claims: &Claims) -> (Vec<&'static str>, bool) {
        ready(async {
            let mut tx = sql::read().await.unwrap();
            let own = authority(&mut tx, claims, "eu_o").await.unwrap();
            let other = authority(&mut tx, claims, "eu_p").await.unwrap();
            let mut may = Vec::new();
            for permission in Permission::ALL {
                let required = require(&mut tx, claims, "eu_o", permission).await;
                assert_eq!(required.is_ok(), own.may(permission), "{permission:?}");
                may.extend(own.may(permission).then(|| permission.name()));
            }
            (may, Permission::ALL.into_iter().any(|permission| other.may(permission)))
        })
    }

    #[test]
    fn a_person_is_what_sql_says_and_a_program_what_its_token_says() {
        for database in Database::all() {
            database.enter();
            for user in ["eu_door", "eu_taken", "eu_admin", "eu_k"] {
                database.run(&format!(
                    "INSERT INTO users (id, email, name, password_hash, version, created_at) VALUES ('{user}', '{user}@example.com', 'U', 'x', 1, 0)"
                ));
            }
            database.run("INSERT INTO organisers (id, name, created_at) VALUES ('eu_o', 'O', 0), ('eu_p', 'P', 0)");
            database.run(
                "INSERT INTO organiser_members (organiser_id, user_id, role) VALUES \
                 ('eu_o', 'eu_door', 'door'), ('eu_o', 'eu_taken', 'owner'), ('eu_p', 'eu_k', 'owner')",
            );
            database.run("INSERT INTO user_roles (user_id, role) VALUES ('eu_door', 'organiser'), ('eu_admin', 'admin'), ('eu_k', 'organiser')");
            let all: Vec<_> = Permission::ALL.map(Permission::name).into();
            assert_eq!(asked(&person("eu_door")), (vec!["see-events", "see-attendees", "check-in"], false));
            assert_eq!(asked(&person("eu_taken")), (vec![], false), "what the token says of roles permits nothing");
            assert_eq!(asked(&person("eu_admin")), (all.clone(), true));
            // Whoever has its id, a program has no role and no team.
            assert_eq!(asked(&program(&["refund", "check-in"])), (vec!["refund", "check-in"], false));
            assert_eq!(asked(&program(&["everything"])), (vec![], false));
            let programs: Vec<_> = all.iter().copied().filter(|name| !name.starts_with("manage-")).collect();
            assert_eq!(asked(&program(&all)), (programs, false), "not even what a key should never have been given");
        }
    }
}
