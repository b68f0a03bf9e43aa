//! What makes open pages live: one poller a process asks the database once a second, and only while somebody
//! listens, whether there may be anything new, and whose session has ended. Every stream of events hears its
//! beats. Knows nothing of what a page shows, and holds no connection between two questions.

use super::problem::Problem;
use crate::actions::{Error, sign_in};
use crate::domain::id::Uid;
use crate::storage::Store;
use crate::storage::reading::{self, Newest};
use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::watch;

/// Streams at once.
const MOST: usize = 128;
/// Of one session: a browser holds no more connections to one host.
const MOST_OF_SESSION: usize = 6;
const EVERY: Duration = Duration::from_secs(1);
/// After so long without an answer nothing may be shown as live.
const PATIENCE: Duration = Duration::from_secs(3);
/// After so many beats everybody looks, whatever the poller saw: time alone makes a bank late.
const LOOK_ANYWAY: u64 = 15;
/// Beats after something new in which everybody still looks: what was begun earlier may be committed later.
const SETTLE: u64 = 2;

/// What the poller says.
#[derive(Debug, Clone, Default)]
pub struct Beat {
    /// Moves when there may be anything new.
    pub moved: u64,
    /// Sessions that are good no more.
    pub ended: Arc<HashSet<Uid>>,
    /// Nobody knows what is new: the database does not answer.
    pub is_mute: bool,
    /// The hub stops.
    pub is_last: bool,
}

#[derive(Default)]
struct Listeners {
    /// How many streams each session has.
    sessions: HashMap<Uid, usize>,
    is_polled: bool,
    is_closed: bool,
}

/// One for the process.
#[derive(Default)]
pub struct Live {
    listeners: Mutex<Listeners>,
    beats: watch::Sender<Beat>,
}

/// One stream's place; given back when dropped.
pub struct Listening {
    live: Arc<Live>,
    pub session: Uid,
    pub beats: watch::Receiver<Beat>,
}

impl Live {
    /// A place for one more stream, if there is one.
    pub fn listen(self: &Arc<Self>, store: &Store, session: Uid) -> Result<Listening, Problem> {
        let (listening, is_first) = self.place(session)?;
        if is_first {
            tokio::spawn(Arc::clone(self).poll(store.clone()));
        }
        Ok(listening)
    }

    /// The place, and whether a poller has to be started for it.
    fn place(self: &Arc<Self>, session: Uid) -> Result<(Listening, bool), Problem> {
        let mut listeners = self.listeners();
        let own = listeners.sessions.get(&session).copied().unwrap_or(0);
        let all: usize = listeners.sessions.values().sum();
        if listeners.is_closed || all >= MOST || own >= MOST_OF_SESSION {
            return Err(Problem::live_full());
        }
        listeners.sessions.insert(session, own + 1);
        let is_first = !std::mem::replace(&mut listeners.is_polled, true);
        let beats = self.beats.subscribe();
        let listening = Listening {
            live: Arc::clone(self),
            session,
            beats,
        };
        Ok((listening, is_first))
    }

    /// Ends every stream; there will be no more.
    pub fn close(&self) {
        self.listeners().is_closed = true;
        self.beats.send_modify(|beat| beat.is_last = true);
    }

    fn listeners(&self) -> MutexGuard<'_, Listeners> {
        self.listeners
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// The sessions that listen; with none, the poller ends here and the next listener starts another.
    fn listened(&self) -> Option<Vec<Uid>> {
        let mut listeners = self.listeners();
        if listeners.sessions.is_empty() || listeners.is_closed {
            listeners.is_polled = false;
            return None;
        }
        Some(listeners.sessions.keys().copied().collect())
    }

    async fn poll(self: Arc<Self>, store: Store) {
        let mut tick = tokio::time::interval(EVERY);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut known = Newest::default();
        // Beats since something was new; and since when there is no answer.
        let (mut quiet, mut silent_since) = (0, None);
        loop {
            tick.tick().await;
            let Some(sessions) = self.listened() else {
                return;
            };
            let asked = store.read(move |tx| -> Result<_, Error> {
                Ok((reading::newest(tx)?, sign_in::ended(tx, &sessions)?))
            });
            let (newest, ended) = match self.unless_mute(asked, PATIENCE).await {
                Ok(found) => found,
                Err(fault) => {
                    tracing::warn!(%fault, "looking for what is new");
                    let since = *silent_since.get_or_insert_with(Instant::now);
                    if since.elapsed() >= PATIENCE {
                        self.say_mute();
                    }
                    continue;
                }
            };
            silent_since = None;
            quiet = if newest == known { quiet + 1 } else { 0 };
            known = newest;
            let looks = quiet <= SETTLE || quiet.is_multiple_of(LOOK_ANYWAY);
            self.beats.send_modify(|beat| {
                beat.moved += u64::from(looks);
                beat.ended = Arc::new(ended);
                beat.is_mute = false;
            });
        }
    }

    /// The answer, however long it takes; whoever listens meanwhile hears that there is none.
    async fn unless_mute<T>(&self, asked: impl Future<Output = T>, patience: Duration) -> T {
        let mut asked = std::pin::pin!(asked);
        loop {
            match tokio::time::timeout(patience, &mut asked).await {
                Ok(answer) => return answer,
                Err(_) => self.say_mute(),
            }
        }
    }

    fn say_mute(&self) {
        self.beats.send_modify(|beat| beat.is_mute = true);
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        let mut listeners = self.live.listeners();
        if let Some(own) = listeners.sessions.get_mut(&self.session) {
            *own -= 1;
            if *own == 0 {
                listeners.sessions.remove(&self.session);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::instant;

    fn session() -> Uid {
        Uid::at(instant::Instant::from_micros(0))
    }

    #[test]
    fn streams_are_bounded_for_each_session_and_for_all_and_a_place_is_given_back() {
        let live = Arc::new(Live::default());
        let one = session();
        let own: Vec<_> = (0..MOST_OF_SESSION).map(|_| live.place(one)).collect();
        assert!(own.iter().all(Result::is_ok));
        assert_eq!(
            live.place(one).err().map(|problem| problem.status.as_u16()),
            Some(503)
        );
        let others: Vec<_> = (MOST_OF_SESSION..MOST)
            .map(|_| live.place(session()))
            .collect();
        assert!(others.iter().all(Result::is_ok) && live.place(session()).is_err());
        drop(own);
        assert!(live.place(one).is_ok());
    }

    #[test]
    fn one_poller_serves_all_and_ends_when_nobody_listens() {
        let live = Arc::new(Live::default());
        let (first, starts) = live.place(session()).expect("a place");
        let (second, again) = live.place(session()).expect("a place");
        assert!(starts && !again);
        drop(first);
        assert_eq!(live.listened().map(|sessions| sessions.len()), Some(1));
        drop(second);
        assert_eq!(live.listened(), None);
        assert!(
            live.place(session()).expect("a place").1,
            "the next one starts it anew"
        );
    }

    #[test]
    fn a_hub_that_stops_lets_nobody_listen() {
        let live = Arc::new(Live::default());
        let (listening, _) = live.place(session()).expect("a place");
        live.close();
        assert!(listening.beats.borrow().is_last && live.place(session()).is_err());
    }

    #[tokio::test]
    async fn an_answer_that_does_not_come_is_told_to_whoever_listens() {
        let live = Arc::new(Live::default());
        let (mut listening, _) = live.place(session()).expect("a place");
        let (answer, asked) = tokio::sync::oneshot::channel();
        let asking = tokio::spawn({
            let live = Arc::clone(&live);
            async move { live.unless_mute(asked, Duration::from_millis(1)).await }
        });
        listening.beats.changed().await.expect("a beat");
        assert!(listening.beats.borrow_and_update().is_mute);
        answer.send("late").expect("asked still");
        assert_eq!(asking.await.expect("no panic"), Ok("late"));
    }
}
