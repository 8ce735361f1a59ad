//! The demo's creators and contents: who they are and what belongs to whom.

use std::collections::HashSet;

use rand::{Rng, SeedableRng, seq::SliceRandom};
use rand_chacha::ChaCha8Rng;

use crate::views::ContentId;

const ADJECTIVES: [&str; 48] = [
    "amber", "bold", "brisk", "calm", "candid", "clever", "cosy", "crisp", "daring", "deft",
    "eager", "early", "fabled", "fair", "fleet", "fond", "gentle", "golden", "grand", "happy",
    "hardy", "honest", "humble", "ivory", "jolly", "keen", "kind", "lively", "lucky", "mellow",
    "merry", "mild", "modest", "noble", "patient", "plain", "quick", "quiet", "rapid", "ready",
    "rosy", "silver", "steady", "sunny", "swift", "tidy", "vivid", "warm",
];

const ANIMALS: [&str; 48] = [
    "badger", "bear", "beaver", "bison", "bittern", "crane", "curlew", "deer", "dormouse", "dove",
    "eagle", "egret", "falcon", "ferret", "finch", "fox", "gannet", "goose", "grouse", "hare",
    "heron", "ibis", "jay", "kestrel", "kite", "lark", "lynx", "marten", "merlin", "mole", "moose",
    "newt", "osprey", "otter", "owl", "plover", "puffin", "quail", "raven", "robin", "salmon",
    "seal", "shrew", "stoat", "swan", "thrush", "vole", "wren",
];

/// What creators make videos about. With a dash and a number of six digits it fits a content id.
const TOPICS: [&str; 24] = [
    "stars", "baking", "bicycles", "birds", "bread", "cellos", "chess", "cinema", "climbing",
    "comedy", "drawing", "gardens", "history", "jazz", "knitting", "maths", "news", "physics",
    "pottery", "robots", "sailing", "swimming", "travel", "violins",
];

/// Most creators and contents of a demo: more would not fit the names.
pub const CONTENTS_MAX: u32 = 999_999;

/// A creator of the demo.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Creator {
    /// Such as `amber-otter`; names no person.
    pub name: String,
    /// What all its videos are about.
    pub topic: &'static str,
}

/// A content of the demo.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Content {
    /// Such as `chess-000042`.
    pub id: ContentId,
    /// Which creator, from 0.
    pub creator: u32,
}

/// Everybody and everything in a demo.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Catalogue {
    pub creators: Vec<Creator>,
    pub contents: Vec<Content>,
}

impl Catalogue {
    /// The catalogue of a seed: every creator has a content, and some have many more than others.
    pub fn new(seed: u64, creators: u32, contents: u32) -> Self {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let creators = creators.clamp(1, CONTENTS_MAX);
        let contents = contents.clamp(creators, CONTENTS_MAX);
        let names = names(&mut random, creators);
        let creators: Vec<Creator> = names
            .into_iter()
            .map(|name| Creator { name, topic: TOPICS[random.random_range(0..TOPICS.len())] })
            .collect();
        let mut owners = owners(&mut random, creators.len(), contents);
        owners.shuffle(&mut random);
        let contents = (1..=contents)
            .zip(owners)
            .map(|(number, creator)| Content {
                id: content_id(creators[creator].topic, number),
                creator: index(creator),
            })
            .collect();
        Self { creators, contents }
    }

    /// Gives those of `ids` that the catalogue does not have to its creators, in turn; returns how
    /// many these are.
    pub fn adopt_unknown(&mut self, ids: impl IntoIterator<Item = ContentId>) -> u64 {
        let known: HashSet<ContentId> = self.contents.iter().map(|content| content.id).collect();
        let (creators, before) = (self.creators.len(), self.contents.len());
        let unknown = ids.into_iter().filter(|id| !known.contains(id)).enumerate();
        self.contents.extend(unknown.map(|(at, id)| Content { id, creator: index(at % creators) }));
        (self.contents.len() - before) as u64
    }
}

fn index(place: usize) -> u32 {
    u32::try_from(place).expect("a catalogue has fewer than 2^32 creators")
}

fn names(random: &mut ChaCha8Rng, count: u32) -> Vec<String> {
    let mut pairs: Vec<String> = ADJECTIVES
        .iter()
        .flat_map(|adjective| ANIMALS.iter().map(move |animal| format!("{adjective}-{animal}")))
        .collect();
    pairs.shuffle(random);
    (0..count as usize)
        .map(|number| {
            let pair = &pairs[number % pairs.len()];
            match number / pairs.len() {
                0 => pair.clone(),
                round => format!("{pair}-{}", round + 1),
            }
        })
        .collect()
}

/// Who owns each content: one each, and the rest with a strong preference for the first creators.
fn owners(random: &mut ChaCha8Rng, creators: usize, contents: u32) -> Vec<usize> {
    (0..contents as usize)
        .map(|content| {
            if content < creators {
                return content;
            }
            let position: f64 = random.random();
            ((position * position * creators as f64) as usize).min(creators - 1)
        })
        .collect()
}

fn content_id(topic: &str, number: u32) -> ContentId {
    format!("{topic}-{number:06}").parse().expect("a topic and six digits fit 16 bytes")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_ids_are_unique_and_everybody_has_a_content() {
        let catalogue = Catalogue::new(1, 5_000, 12_000);
        let names: HashSet<_> = catalogue.creators.iter().map(|it| &it.name).collect();
        let ids: HashSet<_> = catalogue.contents.iter().map(|it| it.id).collect();
        let owners: HashSet<_> = catalogue.contents.iter().map(|it| it.creator).collect();
        assert_eq!((names.len(), ids.len(), owners.len()), (5_000, 12_000, 5_000));
    }

    #[test]
    fn is_the_same_for_the_same_seed_alone() {
        assert_eq!(Catalogue::new(7, 100, 1_000), Catalogue::new(7, 100, 1_000));
        assert_ne!(Catalogue::new(7, 100, 1_000), Catalogue::new(8, 100, 1_000));
    }

    #[test]
    fn every_topic_fits_a_content_id() {
        for topic in TOPICS {
            assert_eq!(content_id(topic, CONTENTS_MAX).to_string().len(), topic.len() + 7);
        }
    }

    #[test]
    fn adopted_contents_are_shared_out() {
        let mut catalogue = Catalogue::new(1, 2, 2);
        let known = catalogue.contents[1].id;
        let ids = [known].into_iter().chain(["a", "b", "c"].map(|id| id.parse().unwrap()));
        assert_eq!(catalogue.adopt_unknown(ids), 3);
        let owners: Vec<_> = catalogue.contents[2..].iter().map(|it| it.creator).collect();
        assert_eq!(owners, [0, 1, 0]);
    }
}
