//! The resolver of the webhook client: a name is looked up once, the whole answer is refused if one
//! address of it is denied, and the connection uses exactly what was judged, so nothing can change
//! in between. The judgement itself is `domain::address`.
//! Does not see IP literals: the client never asks a resolver for those (`webhook.rs` judges them).

use crate::domain::address::{AddressPolicy, AddressRefusal, Reach};
use futures_util::future::BoxFuture;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::{Semaphore, watch};

/// How long one connection waits for a name; shorter than the connect limit, so that the outcome says DNS.
const PATIENCE: Duration = Duration::from_secs(4);
/// How long an answer is used again.
const ANSWER_TTL: Duration = Duration::from_secs(10);
/// System lookups at a time: each holds a thread until the system gives up, long after its connection has. As many as
/// there are places for webhooks in the defaults, of which a bank whose names hang gets no more than half.
const LOOKUPS_AT_ONCE: usize = 512;
const NAMES_KEPT: usize = 4096;
/// Addresses handed to the connector; all of a longer answer are still judged.
const ADDRESSES_TRIED: usize = 8;

/// Why a name gave no address to connect to. `webhook.rs` finds it in the error's sources.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ResolveFault {
    #[error("refused: {0}")]
    Refused(#[from] AddressRefusal),
    #[error("the name has no address")]
    NotFound,
    #[error("the name was not resolved in time")]
    TimedOut,
}

type Answer = Result<Arc<[IpAddr]>, ResolveFault>;
/// Empty while the lookup is under way.
type Slot = watch::Receiver<Option<(Instant, Answer)>>;
type Lookup = Box<dyn Fn(String) -> BoxFuture<'static, io::Result<Vec<IpAddr>>> + Send + Sync>;

/// The names looked up, shared by the resolvers of every reach. One lookup per name at a time: a
/// bank whose name server hangs holds one thread, whatever number of deliveries wait for it.
pub struct Names {
    lookup: Lookup,
    permits: Arc<Semaphore>,
    patience: Duration,
    answer_ttl: Duration,
    known: Mutex<HashMap<String, Slot>>,
}

impl Names {
    /// Asks the system's resolver. Unless networks are opened, names are absolute, so that neither
    /// the search list nor the hosts file has a word.
    pub fn system(policy: &AddressPolicy) -> Arc<Self> {
        let absolute = policy.allowed.is_empty();
        let lookup: Lookup = Box::new(move |mut name| {
            if absolute {
                name.push('.');
            }
            Box::pin(async move {
                let found = tokio::net::lookup_host((name, 0)).await?;
                Ok(found.map(|address| address.ip()).collect())
            })
        });
        Self::with_lookup(lookup, PATIENCE, ANSWER_TTL)
    }

    fn with_lookup(lookup: Lookup, patience: Duration, answer_ttl: Duration) -> Arc<Self> {
        Arc::new(Self {
            lookup,
            permits: Arc::new(Semaphore::new(LOOKUPS_AT_ONCE)),
            patience,
            answer_ttl,
            known: Mutex::new(HashMap::new()),
        })
    }

    async fn find(&self, name: &str) -> Answer {
        let mut answer = self.ask(name);
        let waited = tokio::time::timeout(self.patience, answer.wait_for(Option::is_some)).await;
        match waited {
            Err(_) => Err(ResolveFault::TimedOut),
            Ok(Err(_)) => Err(ResolveFault::NotFound),
            Ok(Ok(slot)) => slot
                .as_ref()
                .map_or(Err(ResolveFault::NotFound), |(_, answer)| answer.clone()),
        }
    }

    /// A fresh answer, the lookup under way, or a new lookup.
    fn ask(&self, name: &str) -> Slot {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(slot) = known.get(name)
            && self.is_usable(slot)
        {
            return slot.clone();
        }
        if known.len() >= NAMES_KEPT {
            known.retain(|_, slot| self.is_usable(slot));
        }
        let (sender, receiver) = watch::channel(None);
        let (permits, looking) = (self.permits.clone(), (self.lookup)(name.to_owned()));
        // A task of its own keeps the permit until the thread is really free, even when all who
        // waited have gone.
        tokio::spawn(async move {
            let _permit = permits.acquire().await;
            let answer = match looking.await {
                Ok(found) if !found.is_empty() => Ok(found.into()),
                _ => Err(ResolveFault::NotFound),
            };
            sender.send_replace(Some((Instant::now(), answer)));
        });
        known.insert(name.to_owned(), receiver.clone());
        receiver
    }

    /// Under way, or answered with addresses not long ago. Failures are never used again.
    fn is_usable(&self, slot: &Slot) -> bool {
        match &*slot.borrow() {
            // The lookup may have died with its runtime; then nobody will ever answer.
            None => slot.has_changed().is_ok(),
            Some((at, Ok(_))) => at.elapsed() < self.answer_ttl,
            Some((_, Err(_))) => false,
        }
    }
}

/// Gives the connector only addresses that a URL of this reach may use.
#[derive(Clone)]
pub struct GuardedResolver {
    names: Arc<Names>,
    policy: Arc<AddressPolicy>,
    reach: Reach,
}

impl GuardedResolver {
    pub fn new(names: Arc<Names>, policy: Arc<AddressPolicy>, reach: Reach) -> Self {
        Self {
            names,
            policy,
            reach,
        }
    }

    async fn addresses(&self, name: &str) -> Result<Vec<SocketAddr>, ResolveFault> {
        let found = self.names.find(name).await?;
        for address in found.iter() {
            self.policy.check_answer(*address, self.reach)?;
        }
        // Port 0 is replaced by the URL's port.
        Ok(found
            .iter()
            .take(ADDRESSES_TRIED)
            .map(|address| SocketAddr::new(*address, 0))
            .collect())
    }
}

impl Resolve for GuardedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let resolver = self.clone();
        Box::pin(async move {
            let addresses = resolver.addresses(name.as_str()).await?;
            Ok(Box::new(addresses.into_iter()) as Addrs)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};

    /// Answers from a script, one set of addresses per lookup; the last one repeats.
    fn scripted(answers: &'static [&'static [&'static str]]) -> (Arc<Names>, Arc<AtomicUsize>) {
        scripted_with(answers, ANSWER_TTL)
    }

    fn scripted_with(
        answers: &'static [&'static [&'static str]],
        answer_ttl: Duration,
    ) -> (Arc<Names>, Arc<AtomicUsize>) {
        let asked = Arc::new(AtomicUsize::new(0));
        let counter = asked.clone();
        let lookup: Lookup = Box::new(move |_| {
            let turn = counter
                .fetch_add(1, Ordering::SeqCst)
                .min(answers.len() - 1);
            let found = answers[turn]
                .iter()
                .map(|a| a.parse().expect("an address"))
                .collect();
            Box::pin(async move { Ok(found) })
        });
        (Names::with_lookup(lookup, PATIENCE, answer_ttl), asked)
    }

    fn resolver(names: Arc<Names>, reach: Reach) -> GuardedResolver {
        let allowed = vec!["127.0.0.0/8".parse().expect("a network")];
        let policy = match reach {
            Reach::Public => AddressPolicy::default(),
            Reach::OpenedOnly => AddressPolicy {
                allowed,
                ..AddressPolicy::default()
            },
        };
        GuardedResolver::new(names, Arc::new(policy), reach)
    }

    const REFUSED: ResolveFault = ResolveFault::Refused(AddressRefusal::Range);

    #[tokio::test]
    async fn one_denied_address_refuses_the_whole_answer() {
        for answer in [
            &[&["8.8.8.8", "127.0.0.1"] as &[&str]] as &[&[&str]],
            &[&["10.0.0.1", "8.8.8.8"]],
            &[&["2606:4700:4700::1111", "::ffff:169.254.169.254"]],
            &[&[
                "8.8.8.8", "8.8.4.4", "1.1.1.1", "9.9.9.9", "8.8.8.1", "8.8.8.2", "8.8.8.3",
                "8.8.8.4", "::1",
            ]],
        ] {
            let (names, _) = scripted(answer);
            let outcome = resolver(names, Reach::Public)
                .addresses("bank.example")
                .await;
            assert_eq!(outcome, Err(REFUSED), "{answer:?}");
        }
    }

    #[tokio::test]
    async fn the_connection_gets_exactly_the_addresses_that_were_judged() {
        let (names, asked) = scripted(&[&["8.8.8.8", "2606:4700:4700::1111"], &["127.0.0.1"]]);
        let resolver = resolver(names, Reach::Public);
        let expected: Vec<SocketAddr> = ["8.8.8.8:0", "[2606:4700:4700::1111]:0"]
            .map(|a| a.parse().expect("an address"))
            .to_vec();
        assert_eq!(
            resolver.addresses("bank.example").await,
            Ok(expected.clone())
        );
        assert_eq!(
            resolver.addresses("bank.example").await,
            Ok(expected),
            "used again"
        );
        assert_eq!(asked.load(Ordering::SeqCst), 1);
    }

    #[tokio::test]
    async fn an_answer_that_changes_to_a_denied_address_is_refused_when_asked_again() {
        let (names, _) = scripted_with(&[&["8.8.8.8"], &["127.0.0.1"]], Duration::ZERO);
        let resolver = resolver(names, Reach::Public);
        assert!(resolver.addresses("bank.example").await.is_ok());
        assert_eq!(resolver.addresses("bank.example").await, Err(REFUSED));
    }

    #[tokio::test]
    async fn a_url_taken_for_an_opened_network_may_not_lead_outside_it() {
        let (names, _) = scripted(&[&["8.8.8.8"]]);
        assert_eq!(
            resolver(names, Reach::OpenedOnly)
                .addresses("receiver")
                .await,
            Err(REFUSED)
        );
        let (names, _) = scripted(&[&["127.0.0.1"]]);
        assert!(
            resolver(names, Reach::OpenedOnly)
                .addresses("receiver")
                .await
                .is_ok()
        );
    }

    #[tokio::test]
    async fn a_name_without_addresses_is_asked_for_again_next_time() {
        let (names, asked) = scripted(&[&[], &["8.8.8.8"]]);
        let resolver = resolver(names, Reach::Public);
        assert_eq!(
            resolver.addresses("bank.example").await,
            Err(ResolveFault::NotFound)
        );
        assert!(resolver.addresses("bank.example").await.is_ok());
        assert_eq!(asked.load(Ordering::SeqCst), 2);
    }

    #[tokio::test]
    async fn a_hanging_name_server_costs_one_lookup_and_no_other_bank_waits() {
        let asked = Arc::new(AtomicUsize::new(0));
        let counter = asked.clone();
        let lookup: Lookup = Box::new(move |name| {
            counter.fetch_add(1, Ordering::SeqCst);
            Box::pin(async move {
                if name == "hangs.example" {
                    std::future::pending::<()>().await;
                }
                Ok(vec!["8.8.8.8".parse().expect("an address")])
            })
        });
        let names = Names::with_lookup(lookup, Duration::from_millis(50), ANSWER_TTL);
        let resolver = resolver(names, Reach::Public);
        let waiting = (0..100).map(|_| resolver.addresses("hangs.example"));
        for outcome in futures_util::future::join_all(waiting).await {
            assert_eq!(outcome, Err(ResolveFault::TimedOut));
        }
        assert_eq!(asked.load(Ordering::SeqCst), 1);
        assert!(resolver.addresses("bank.example").await.is_ok());
    }

    #[tokio::test]
    async fn a_name_is_found_while_those_of_hundreds_of_banks_hang() {
        let lookup: Lookup = Box::new(move |name| {
            Box::pin(async move {
                if name != "bank.example" {
                    std::future::pending::<()>().await;
                }
                Ok(vec!["8.8.8.8".parse().expect("an address")])
            })
        });
        let names = Names::with_lookup(lookup, Duration::from_millis(200), ANSWER_TTL);
        let resolver = resolver(names, Reach::Public);
        let names: Vec<String> = (0..500).map(|one| format!("b{one}.example")).collect();
        let hanging = names.iter().map(|name| resolver.addresses(name));
        for outcome in futures_util::future::join_all(hanging).await {
            assert_eq!(outcome, Err(ResolveFault::TimedOut));
        }
        assert!(resolver.addresses("bank.example").await.is_ok());
    }
}
