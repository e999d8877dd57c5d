//! What people, the organiser and the ticker do, and what becomes of it.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use read_model::{EventDoc, EventStatus, SharedCapacity as SharedDoc, TicketType, Venue};
use tokio::time::sleep;
use vocabulary::booking::{
    Action, Booking, BookingStatus, Command, Confirmation, Money, Offer, OrderLine, Outcome, Rejection, Sale, SharedCapacity,
    Subject,
};

use super::check::{self, FLOWS, LOST, ONE_EFFECT, REFUSED};
use super::edge::Edge;
use super::network::Network;
use super::postgres::Server;
use super::world::World;
use crate::coordinator::Answer;

pub(super) const EVENTS: usize = 4;
/// Within what time somebody is there who decides, without a fault.
const FLOWS_AGAIN: Duration = Duration::from_secs(10);
/// Deadlines of most commands.
const PATIENCE: Duration = Duration::from_secs(5);

/// Something that somebody wants done, however often they ask.
#[derive(Clone)]
struct Order {
    subject: Subject,
    key: String,
    event: String,
    action: Action,
    /// The first answer that accepted it.
    accepted: Option<(u64, Outcome)>,
    /// It was refused for good, by the last answer.
    refused: bool,
    /// It may have been done although no answer came.
    open: bool,
}

pub(super) struct Workload {
    world: Arc<World>,
    server: Arc<Server>,
    network: Arc<Network>,
    pub(super) edges: Vec<Edge>,
    orders: Mutex<Vec<Order>>,
}

pub(super) fn event(number: usize) -> String {
    format!("eu_event{number}")
}

fn tickets(event: &str) -> [(String, i64); 2] {
    [(format!("{event}_std"), 4500), (format!("{event}_free"), 0)]
}

/// What the database has an order under.
fn stored_under(order: &Order) -> check::Key {
    (order.event.clone(), order.subject.scope(), order.key.clone())
}

/// What an event's sale is at a revision.
fn sale(event: &str, revision: u64, capacity: u32, limit: u32, shared: &[SharedCapacity]) -> Sale {
    let offers = tickets(event).map(|(ticket_type, price)| Offer::new(ticket_type, price, capacity, limit));
    Sale { refund_until: Some(i64::MAX), shared: shared.to_vec(), ..Sale::new(revision, "EUR", offers.into()) }
}

fn doc(event: &str, revision: u64, shared: &[SharedCapacity]) -> EventDoc {
    let ticket = |(id, price): (String, i64)| {
        let name = "Ticket".into();
        TicketType { id, name, price, capacity: 6, per_person_limit: 3, ..TicketType::default() }
    };
    EventDoc {
        id: event.to_owned(),
        organiser_id: "eu_o".into(),
        status: EventStatus::Published,
        revision,
        title: format!("Night {revision}"),
        category: "music".into(),
        venue: Venue { name: "Hall".into(), city: "Colombo".into(), country: "LK".into() },
        starts_at: i64::MAX - 2,
        ends_at: i64::MAX - 1,
        timezone: "Asia/Colombo".into(),
        currency: "EUR".into(),
        region: "eu".into(),
        ticket_types: tickets(event).map(ticket).into(),
        shared_capacities: shared.iter().map(shared_doc).collect(),
        ..EventDoc::default()
    }
}

fn shared_doc(shared: &SharedCapacity) -> SharedDoc {
    let SharedCapacity { id, capacity, ticket_types } = shared.clone();
    SharedDoc { id, name: "Hall".into(), capacity, ticket_types }
}

impl Workload {
    pub(super) fn new(server: &Arc<Server>, network: &Arc<Network>, nodes: &[String]) -> Arc<Self> {
        let edges = (0..3).map(|number| Edge::new(format!("edge-{number}"), network, nodes, number % nodes.len()));
        Arc::new(Self {
            world: Arc::clone(&server.world),
            server: Arc::clone(server),
            network: Arc::clone(network),
            edges: edges.collect(),
            orders: Mutex::default(),
        })
    }

    /// Puts an event on sale.
    pub(super) async fn publish(&self, number: usize) {
        let event = event(number);
        let shared = self.shared(&event);
        self.server.catalog_writes(doc(&event, 1, &shared));
        let capacity = 2 + u32::try_from(self.world.below(6)).unwrap();
        let order = self.order(Subject::Platform, "open", &event, Action::Open(sale(&event, 1, capacity, 3, &shared)));
        let ends = self.world.elapsed() + FLOWS_AGAIN;
        while self.ask(order, PATIENCE).await.is_err() && self.world.violation().is_none() {
            if self.world.elapsed() > ends {
                self.server.trace_leases();
                return self.world.violated(FLOWS, format!("{event} cannot be opened"));
            }
            sleep(Duration::from_millis(100)).await;
        }
    }

    /// What an event's ticket types share: often nothing, else one hall or two, of the same few, by one of them or by both.
    fn shared(&self, event: &str) -> Vec<SharedCapacity> {
        let halls = (0..2).filter(|_| self.world.happens(400)).map(|number| {
            let capacity = 2 + u32::try_from(self.world.below(8)).unwrap();
            let mut ticket_types: Vec<String> = tickets(event).into_iter().map(|(id, _)| id).collect();
            if self.world.happens(300) {
                ticket_types.remove(self.world.index(ticket_types.len()));
            }
            SharedCapacity { id: format!("{event}_hall{number}"), capacity, ticket_types }
        });
        halls.collect()
    }

    fn order(&self, subject: Subject, key: &str, event: &str, action: Action) -> usize {
        let mut orders = self.orders.lock().unwrap();
        let (key, event) = (key.to_owned(), event.to_owned());
        orders.push(Order { subject, key, event, action, accepted: None, refused: false, open: false });
        orders.len() - 1
    }

    fn new_key(&self) -> String {
        format!("key{}", self.world.number())
    }

    /// Asks for an order, through one edge or another.
    async fn ask(&self, number: usize, patience: Duration) -> Answer {
        let order = self.orders.lock().unwrap()[number].clone();
        let edge = &self.edges[self.world.index(self.edges.len())];
        let deadline = self.world.now() + i64::try_from(patience.as_micros()).unwrap();
        let (subject, action) = (order.subject.clone(), order.action.clone());
        let command = Command {
            // Everybody asks from one of two networks.
            client: Some(format!("192.0.2.{}", number % 2)),
            ..Command::new(subject, order.key.as_str(), order.event.as_str(), deadline, action)
        };
        let restores = self.world.restores();
        let (answer, sent) = edge.apply(command).await;
        self.world.trace(|| format!("{} gets for {} {}: {answer:?}", edge.name, order.event, order.key));
        let order = &mut self.orders.lock().unwrap()[number];
        order.open |= sent;
        order.refused = answer.is_err();
        if self.world.restores() != restores {
            // The answer may be of a history that has ended.
            order.open = true;
            if self.is_lost(order) || answer.is_ok() {
                (order.accepted, order.refused) = (None, true);
            }
            return answer;
        }
        match (&answer, &order.accepted) {
            (Ok(receipt), Some((version, outcome))) => {
                if receipt.version != *version || receipt.outcome != *outcome {
                    let text = format!("{} was {outcome:?} at {version}, and is {receipt:?}", order.key);
                    self.world.violated(ONE_EFFECT, text);
                }
            }
            (Ok(receipt), None) => order.accepted = Some((receipt.version, receipt.outcome.clone())),
            (Err(Rejection::Unknown | Rejection::Unavailable(_)), _) | (Err(_), None) => {}
            (Err(rejection), Some(_)) => {
                self.world.violated(LOST, format!("{} was accepted, and is {rejection:?}", order.key));
            }
        }
        answer
    }

    /// Whether the database has nothing of it.
    fn is_lost(&self, order: &Order) -> bool {
        check::stored(&self.server, &stored_under(order)).is_none()
    }

    /// The database was restored: what is not there any more, nobody knows of, and asks again.
    pub(super) fn restored(&self) {
        for order in &mut *self.orders.lock().unwrap() {
            if order.accepted.is_some() && self.is_lost(order) {
                (order.accepted, order.open, order.refused) = (None, true, true);
            }
        }
    }

    /// As [`Self::ask`], and once more, with the same key, where the outcome is unknown.
    async fn insist(&self, order: usize) -> Option<Booking> {
        let short = self.world.happens(300);
        for _ in 0..3 {
            let patience = if short { self.world.milliseconds(5, 120) } else { PATIENCE };
            match self.ask(order, patience).await {
                Ok(receipt) => {
                    return match receipt.outcome {
                        Outcome::Booking(booking) | Outcome::RefundDue(booking) => Some(booking),
                        Outcome::Sale(_) | Outcome::Swept(_) => None,
                    };
                }
                Err(Rejection::Unknown) => sleep(self.world.milliseconds(0, 200)).await,
                Err(_) => return None,
            }
        }
        None
    }

    /// A person, until the storm is over.
    pub(super) async fn person(self: Arc<Self>, name: String) {
        let me = || Subject::Person(name.clone());
        let (mut mine, mut bookings): (Vec<usize>, Vec<Booking>) = (Vec::new(), Vec::new());
        while self.world.in_storm() && self.world.violation().is_none() {
            sleep(self.world.milliseconds(0, 400)).await;
            let event = event(self.world.index(EVENTS));
            match self.world.below(100) {
                0..50 => {
                    let kinds = tickets(&event);
                    let ticket_type = kinds[usize::from(self.world.happens(300))].0.clone();
                    let quantity = 1 + u32::try_from(self.world.below(2)).unwrap();
                    let mut lines = vec![OrderLine { ticket_type, quantity }];
                    if self.world.happens(100) {
                        let other = kinds.into_iter().map(|(id, _)| id).find(|id| *id != lines[0].ticket_type);
                        lines.extend(other.map(|ticket_type| OrderLine { ticket_type, quantity: 1 }));
                    }
                    let hold = Action::Hold(lines);
                    let order = self.order(me(), &self.new_key(), &event, hold);
                    mine.push(order);
                    bookings.extend(self.insist(order).await);
                }
                50..62 if !mine.is_empty() => {
                    // As a page that is sent twice.
                    let order = mine[self.world.index(mine.len())];
                    _ = self.ask(order, PATIENCE).await;
                }
                62..66 if !mine.is_empty() => {
                    let other = self.orders.lock().unwrap()[mine[self.world.index(mine.len())]].clone();
                    let order = self.order(me(), &other.key, &other.event, Action::Cancel("eu_another".into()));
                    _ = self.ask(order, PATIENCE).await;
                }
                66..80 if !bookings.is_empty() => {
                    let booking = bookings[self.world.index(bookings.len())].clone();
                    let order = self.order(me(), &self.new_key(), &booking.event_id, Action::Cancel(booking.id));
                    mine.push(order);
                    _ = self.insist(order).await;
                }
                80..95 if !bookings.is_empty() => {
                    let booking = bookings[self.world.index(bookings.len())].clone();
                    self.pays(me(), booking).await;
                }
                _ => {
                    for edge in &self.edges {
                        _ = edge.read(&event).await;
                    }
                }
            }
        }
    }

    async fn pays(&self, me: Subject, booking: Booking) {
        if booking.total.amount == 0 {
            return;
        }
        let event = &booking.event_id;
        let begin = self.order(me.clone(), &self.new_key(), event, Action::BeginPayment(booking.id.clone()));
        if self.insist(begin).await.is_none_or(|booking| booking.status != BookingStatus::Paying) {
            return;
        }
        // Some take too long.
        sleep(self.world.milliseconds(10, 2500)).await;
        if self.world.happens(200) {
            let end = self.order(me, &self.new_key(), event, Action::EndPayment(booking.id));
            _ = self.insist(end).await;
            return;
        }
        let paid = Money { amount: booking.total.amount, currency: booking.total.currency };
        let payment = format!("payment{}", self.world.number());
        let confirm = Action::Confirm(Confirmation { booking: booking.id, payment, paid });
        let confirm = self.order(Subject::Platform, &self.new_key(), event, confirm);
        _ = self.insist(confirm).await;
    }

    /// Ticks events.
    pub(super) async fn tick(&self) {
        for number in 0..EVENTS {
            let expire = Command::new(Subject::Platform, "", event(number), self.world.now() + 2_000_000, Action::Expire);
            let edge = &self.edges[self.world.index(self.edges.len())];
            _ = edge.apply(expire).await;
        }
    }

    /// The ticker, until the storm is over.
    pub(super) async fn ticker(self: Arc<Self>) {
        while self.world.in_storm() {
            sleep(self.world.milliseconds(200, 1500)).await;
            self.tick().await;
        }
    }

    /// Somebody who looks at everything, until the storm is over.
    pub(super) async fn onlooker(self: Arc<Self>) {
        while self.world.in_storm() {
            sleep(self.world.milliseconds(10, 100)).await;
            for edge in &self.edges {
                for number in 0..EVENTS {
                    edge.looked_at(&self.server, &event(number)).await;
                }
            }
        }
    }

    /// The organiser, who changes their mind, until the storm is over. The first event stays as it is.
    pub(super) async fn organiser(self: Arc<Self>) {
        let mut revision = 1;
        while self.world.in_storm() {
            sleep(self.world.milliseconds(300, 1500)).await;
            revision += 1;
            let event = event(1 + self.world.index(EVENTS - 1));
            let shared = self.shared(&event);
            let action = if self.world.happens(60) {
                Action::Close(revision)
            } else {
                let capacity = 2 + u32::try_from(self.world.below(8)).unwrap();
                let limit = 2 + u32::try_from(self.world.below(2)).unwrap();
                let sale = sale(&event, revision, capacity, limit, &shared);
                // Some sales end soon, until they are changed again.
                let soon = self.world.happens(600).then(|| self.world.milliseconds(50, 1200).as_micros());
                let sales_until = soon.map(|soon| self.world.database_now() + i64::try_from(soon).unwrap());
                Action::Adjust(Sale { sales_until, ..sale })
            };
            let order = self.order(Subject::Steward("eu_o".into()), &self.new_key(), &event, action);
            _ = self.insist(order).await;
            self.server.catalog_writes(doc(&event, revision, &shared));
        }
    }

    /// Whether somebody can book something.
    pub(super) async fn books(&self, number: usize) -> bool {
        let event = event(number);
        let hold = Action::Hold(vec![OrderLine { ticket_type: tickets(&event)[0].0.clone(), quantity: 1 }]);
        let person = Subject::Person(format!("late{}", self.world.number()));
        let order = self.order(person, &self.new_key(), &event, hold);
        self.ask(order, PATIENCE).await.is_ok()
    }

    /// Retries everything whose outcome is unknown. Returns whether all is known.
    pub(super) async fn settle(&self) -> bool {
        let unknown = |order: &Order| order.open && order.accepted.is_none() && order.refused;
        let count = self.orders.lock().unwrap().len();
        let mut all = true;
        for number in 0..count {
            if unknown(&self.orders.lock().unwrap()[number]) {
                let answer = self.ask(number, PATIENCE).await;
                all &= !matches!(answer, Err(Rejection::Unknown | Rejection::Unavailable(_)));
            }
        }
        all
    }

    /// What the database has of each order.
    pub(super) fn orders_at_the_end(&self) {
        for order in &*self.orders.lock().unwrap() {
            let key = stored_under(order);
            let hash = ledger_core::request_hash(&order.action).unwrap();
            let stored = check::stored(&self.server, &key).filter(|(known, _)| *known == hash);
            match (&order.accepted, stored) {
                (Some(accepted), Some((_, outcome))) => {
                    let stored: ledger_core::Accepted = serde_json::from_str(&outcome).unwrap();
                    if *accepted != (stored.version, stored.outcome) {
                        self.world.violated(ONE_EFFECT, format!("{key:?} was {accepted:?}, and {outcome} is stored"));
                    }
                }
                (Some(accepted), None) => self.world.violated(LOST, format!("{key:?} was {accepted:?} and is not there")),
                (None, Some((_, outcome))) if !order.open && !self.network.came_twice(&order.key) => {
                    // Every answer said that nothing was done.
                    self.world.violated(REFUSED, format!("{key:?} was refused, and {outcome} is stored"));
                }
                (None, _) => {}
            }
        }
    }

    /// Whether every edge shows what the database has: once nothing is held any more, and all is published.
    pub(super) async fn converged(&self) -> Result<(), String> {
        let tables = self.server.tables();
        let counter = tables.counter.as_ref().map_or(0, |(position, _)| *position);
        for edge in &self.edges {
            if edge.position() < counter {
                return Err(format!("{} is at position {}, the journal at {counter}", edge.name, edge.position()));
            }
            for number in 0..EVENTS {
                let event = event(number);
                let Some(rows) = tables.events.get(&event) else { continue };
                let read = edge.read(&event).await.ok_or_else(|| format!("{} does not have {event}", edge.name))?;
                for line in &read.lines {
                    let known = &rows.lines[&line.ticket_type];
                    let expected = (known.terms.capacity, rows.free(&line.ticket_type, self.world.database_now()));
                    let open = rows.terms.status == ledger_core::SaleStatus::Open;
                    if (line.capacity, i64::from(line.available), line.on_sale) != (expected.0, expected.1, open) {
                        return Err(format!(
                            "{} shows {line:?} of version {}, there are {expected:?}, open: {open}",
                            edge.name, read.version
                        ));
                    }
                }
                let revision = tables.docs[&event].revision;
                let mut seen = read_model::Seen::default();
                seen.note(read_model::SeenKind::Event, &event, revision);
                if !edge.replica().has(&seen, None) {
                    return Err(format!("{} does not have revision {revision} of {event}", edge.name));
                }
            }
        }
        Ok(())
    }

    /// Whether anything is held.
    pub(super) fn anything_held(&self) -> bool {
        let tables = self.server.tables();
        tables.events.values().flat_map(|rows| rows.bookings.values()).any(|record| record.booking.status.is_hold())
    }
}
