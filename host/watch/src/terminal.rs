//! A screen that somebody looks at, until they leave. Whatever ends it, the terminal is as it was.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use ratatui::crossterm::event::{self, Event, KeyEventKind};
use ratatui::crossterm::terminal::is_raw_mode_enabled;
use serde_json::{Value, json};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{Notify, mpsc, watch};

use crate::look::{Seen, look};
use crate::ui::{Action, Question, Ui};
use crate::{Api, Ended, Error, Options, Refusal, limits, lines, screen};

/// Signals that ask to end.
pub struct Signals([Signal; 3]);

impl Signals {
    pub fn listen() -> Result<Self, std::io::Error> {
        let kinds = [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()];
        let [one, other, third] = kinds.map(signal);
        Ok(Self([one?, other?, third?]))
    }

    /// Returns with the first one.
    pub async fn stopped(&mut self) {
        let Self([one, other, third]) = self;
        tokio::select! {
            _ = one.recv() => {}
            _ = other.recv() => {}
            _ = third.recv() => {}
        }
    }
}

/// A terminal in raw mode, with a screen of its own, until it is dropped; a panic gives it back as well, before it is said.
struct Screen(ratatui::DefaultTerminal);

impl Screen {
    fn take() -> Result<Self, std::io::Error> {
        ratatui::try_init().map(Self)
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        ratatui::restore();
    }
}

/// Events of the terminal, from a thread of their own, which ends soon after this is dropped.
struct Events {
    events: mpsc::Receiver<Event>,
    unwanted: Arc<AtomicBool>,
}

impl Events {
    fn follow() -> Self {
        let (sender, events) = mpsc::channel(limits::KEYS);
        let unwanted = Arc::new(AtomicBool::new(false));
        let ended = Arc::clone(&unwanted);
        std::thread::spawn(move || {
            while !ended.load(Ordering::Relaxed) {
                let read =
                    event::poll(limits::KEY).and_then(|is_there| if is_there { event::read().map(Some) } else { Ok(None) });
                match read {
                    Ok(Some(event)) => {
                        if sender.blocking_send(event).is_err() {
                            return;
                        }
                    }
                    Ok(None) => {}
                    // The terminal is gone.
                    Err(_) => return,
                }
            }
        });
        Self { events, unwanted }
    }
}

impl Drop for Events {
    fn drop(&mut self) {
        self.unwanted.store(true, Ordering::Relaxed);
    }
}

/// What the last look has found.
type Looked = Option<Result<Arc<Seen>, Refusal>>;

/// Looks again and again, until nobody wants to know.
async fn follow(api: Arc<dyn Api>, found: watch::Sender<Looked>, soon: Arc<Notify>) {
    let mut before = Arc::new(Seen::default());
    loop {
        let looked = look(&*api, &before).await.map(Arc::new);
        if let Ok(seen) = &looked {
            before = Arc::clone(seen);
        }
        if found.send(Some(looked)).is_err() {
            return;
        }
        tokio::select! {
            () = tokio::time::sleep(limits::LOOK) => {}
            () = soon.notified() => {}
        }
    }
}

/// Shows a screen until somebody leaves.
pub async fn run(api: Arc<dyn Api>, options: Options) -> Result<Ended, Error> {
    let mut stop = Signals::listen()?;
    let (found, mut looked) = watch::channel(None);
    let soon = Arc::new(Notify::new());
    let looking = tokio::spawn(follow(Arc::clone(&api), found, Arc::clone(&soon)));
    let (say, mut said) = mpsc::channel(1);
    let mut seen = Arc::new(Seen::default());
    let mut ui = Ui { has_colours: options.colours, ..Ui::default() };
    let mut screen = Screen::take()?;
    let mut keys = Events::follow();
    let panicked = || Error::Output(std::io::Error::other("a part of this command panicked: a bug"));
    let outcome = loop {
        // A panic anywhere gives the terminal back: nothing is drawn into what it has said.
        if !is_raw_mode_enabled().unwrap_or(false) {
            break Err(panicked());
        }
        if let Err(error) = screen.0.draw(|frame| screen::draw(frame, &seen, &mut ui)) {
            break Err(error.into());
        }
        tokio::select! {
            event = keys.events.recv() => match event {
                // Repeated keys are pressed as well; what has another size is drawn anew.
                Some(Event::Key(key)) if key.kind != KeyEventKind::Release => match ui.key(key, seen.status.rollout.as_ref()) {
                    Action::Nothing => {}
                    Action::Leave => break Ok(Ended::Left),
                    Action::Say(question) => {
                        let (api, say) = (Arc::clone(&api), say.clone());
                        tokio::spawn(async move { _ = say.send(tell(&*api, &question).await).await });
                    }
                },
                Some(_) => {}
                None => break Ok(Ended::Left),
            },
            changed = looked.changed() => match looked.borrow_and_update().clone() {
                _ if changed.is_err() => break Err(panicked()),
                None => {}
                Some(Ok(now)) => {
                    seen = now;
                    ui.trouble = None;
                    if let Err(error) = lines::fits(&seen, &options) {
                        break Err(error);
                    }
                    if let Some(ended) = lines::over(&seen, &options) {
                        break Ok(ended);
                    }
                }
                // No other instance knows this token.
                Some(Err(Refusal { status: Some(401), reason })) => break Err(Error::Refused(reason)),
                Some(Err(Refusal { reason, .. })) => ui.trouble = Some(reason),
            },
            Some(text) = said.recv() => {
                ui.said = text;
                soon.notify_one();
            }
            () = stop.stopped() => break Ok(Ended::Left),
        }
    };
    looking.abort();
    drop(screen);
    outcome
}

/// Says it, and what came of it.
async fn tell(api: &dyn Api, Question { verb, rollout, stage }: &Question) -> String {
    // A gate is named, so that nobody passes another one than they saw.
    let body = stage.as_ref().map_or_else(|| json!({}), |stage| json!({ "stage": stage }));
    match api.post(&format!("v1/rollouts/{rollout}/{}", verb.name()), &body).await {
        Ok(answer) => {
            let state = answer.get("state").and_then(Value::as_str).unwrap_or("as you said");
            format!("{}: rollout {rollout} is {state}", verb.name())
        }
        Err(refusal) => format!("{}: {}", verb.name(), refusal.reason),
    }
}
