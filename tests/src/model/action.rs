//! What can be done to a platform, with everything named by its index.

use pixr::{
    entries::Entry,
    state::{Role, RoundTerms, Settings, shard::Capacities},
};

use crate::world::pack;

/// Index of an actor: whoever has a key and a token account.
pub type Actor = usize;

/// Where a withdrawal goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Destination {
    /// The token account of an actor.
    Wallet(Actor),
    /// The shard's own vault, which is refused.
    Vault,
}

/// One delayed withdrawal: a creator's slot, and the number among its requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RequestId {
    pub creator: u32,
    pub number: u32,
}

/// One round: a content's slot, and the number among its rounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RoundId {
    pub content: u32,
    pub number: u32,
}

/// One position: its round, and who invested first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct PositionId {
    pub shard: usize,
    pub round: RoundId,
    pub investor: Actor,
}

/// What is wrong with the end of a batch's bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flaw {
    /// A single byte, so that the length is odd.
    Odd,
    /// The first half of an entry.
    HalfEntry,
    /// An entry with a relevance above 10,000.
    Relevance,
}

/// A batch of measurements.
#[derive(Clone, Debug)]
pub struct Batch {
    pub shard: usize,
    pub by: Actor,
    pub sequence: u64,
    pub entries: Vec<Entry>,
    /// What is appended to the entries to spoil them.
    pub flaw: Option<Flaw>,
}

impl Batch {
    /// The batch as it is sent.
    pub fn bytes(&self) -> Vec<u8> {
        let mut bytes = pack(&self.entries);
        let end: &[u8] = match self.flaw {
            None => &[],
            Some(Flaw::Odd) => &[0],
            Some(Flaw::HalfEntry) => &[0x80, 0],
            Some(Flaw::Relevance) => &[0xff; 8],
        };
        bytes.extend_from_slice(end);
        bytes
    }
}

/// One instruction, or one step of the clock. `by` signs.
#[derive(Clone, Debug)]
pub enum Action {
    Wait {
        seconds: i64,
    },
    UpdateSettings {
        by: Actor,
        settings: Settings,
    },
    /// No holder stands for the zero address.
    SetRole {
        by: Actor,
        role: Role,
        holder: Option<Actor>,
    },
    /// Nobody proposed stands for the zero address.
    ProposeAdmin {
        by: Actor,
        proposed: Option<Actor>,
    },
    AcceptAdmin {
        by: Actor,
    },
    Pause {
        by: Actor,
    },
    Unpause {
        by: Actor,
    },
    /// The account is made with `surplus` bytes more than the capacities need.
    OpenShard {
        by: Actor,
        capacities: Capacities,
        surplus: i64,
    },
    Fund {
        shard: usize,
        by: Actor,
        amount: u64,
    },
    /// A plain token transfer into the vault, without the program.
    Donate {
        shard: usize,
        by: Actor,
        amount: u64,
    },
    /// No authority stands for the zero address.
    RegisterCreator {
        shard: usize,
        by: Actor,
        authority: Option<Actor>,
    },
    RegisterContent {
        shard: usize,
        by: Actor,
        creator: u32,
        id: u128,
    },
    /// Nobody proposed stands for the zero address.
    ProposeAuthority {
        shard: usize,
        by: Actor,
        creator: u32,
        proposed: Option<Actor>,
    },
    AcceptAuthority {
        shard: usize,
        by: Actor,
        creator: u32,
    },
    CancelAuthority {
        shard: usize,
        by: Actor,
        creator: u32,
    },
    Withdraw {
        shard: usize,
        by: Actor,
        creator: u32,
        amount: u64,
        destination: Destination,
    },
    Request {
        shard: usize,
        by: Actor,
        payer: Actor,
        id: RequestId,
        amount: u64,
        destination: Destination,
    },
    Execute {
        shard: usize,
        by: Actor,
        id: RequestId,
        destination: Actor,
    },
    Cancel {
        shard: usize,
        by: Actor,
        id: RequestId,
    },
    SetFrozen {
        shard: usize,
        by: Actor,
        id: RequestId,
        frozen: bool,
    },
    Settle(Batch),
    Reverse(Batch),
    SetQuality {
        shard: usize,
        by: Actor,
        content: u32,
        quality: u16,
    },
    Tip {
        shard: usize,
        by: Actor,
        creator: u32,
        amount: u64,
        memo_bytes: usize,
    },
    OpenRound {
        shard: usize,
        by: Actor,
        payer: Actor,
        id: RoundId,
        terms: RoundTerms,
    },
    Invest {
        shard: usize,
        by: Actor,
        payer: Actor,
        id: RoundId,
        amount: u64,
    },
    /// A plain token transfer into an escrow, without the program.
    Stray {
        shard: usize,
        by: Actor,
        id: RoundId,
        amount: u64,
    },
    CancelRound {
        shard: usize,
        by: Actor,
        id: RoundId,
    },
    Refund {
        by: Actor,
        position: PositionId,
        destination: Actor,
    },
    Deliver {
        shard: usize,
        by: Actor,
        id: RoundId,
        destination: Destination,
        quality: u16,
    },
    Claim {
        by: Actor,
        position: PositionId,
        destination: Actor,
    },
    RetireLane {
        shard: usize,
        id: RoundId,
    },
    /// The token account of an actor, who should be the treasury.
    CloseRound {
        shard: usize,
        id: RoundId,
        treasury: Actor,
    },
    /// No new owner stands for the zero address.
    TransferPosition {
        by: Actor,
        position: PositionId,
        to: Option<Actor>,
    },
    List {
        by: Actor,
        position: PositionId,
        price: u64,
    },
    Unlist {
        by: Actor,
        position: PositionId,
    },
    Buy {
        by: Actor,
        position: PositionId,
        price_max: u64,
        claimed_max: u64,
        destination: Actor,
    },
    /// The token accounts of two actors, who should be treasury and processor.
    CollectFees {
        shard: usize,
        treasury: Actor,
        processor: Actor,
    },
}
