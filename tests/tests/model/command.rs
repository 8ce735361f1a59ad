//! Commands as they are drawn: every index is taken modulo what exists when its turn comes, so that
//! a sequence stays meaningful however much of it is left out.

use pixr::state::{Role, RoundTerms, Settings};
use pixr_tests::model::Flaw;

/// Who signs.
#[derive(Clone, Copy, Debug)]
pub enum Who {
    /// Whoever may.
    Right,
    /// The keeper.
    Keeper,
    /// Any actor.
    Actor(u8),
}

/// A slot.
#[derive(Clone, Copy, Debug)]
pub struct Slot {
    pub pick: u8,
    /// One that is not in use.
    pub beyond: bool,
}

/// A part of what is available.
#[derive(Clone, Copy, Debug)]
pub enum Amount {
    Zero,
    /// So many 65,536ths.
    Part(u16),
    All,
    /// One base unit and so many more than all.
    Beyond(u16),
}

/// A batch's number.
#[derive(Clone, Copy, Debug)]
pub enum Sequence {
    Next,
    Replayed(u8),
    Gap(u8),
}

/// One entry of a batch.
#[derive(Clone, Copy, Debug)]
pub struct Views {
    pub content: Slot,
    pub views: u64,
    pub relevance: u64,
}

/// A batch.
#[derive(Clone, Debug)]
pub struct Measurement {
    pub shard: u8,
    pub who: Who,
    pub sequence: Sequence,
    pub entries: Vec<Views>,
    /// Whether the entries are put into ascending order.
    pub sorted: bool,
    pub flaw: Option<Flaw>,
}

/// What a batch is brought to the edge of.
#[derive(Clone, Copy, Debug)]
pub enum Edge {
    Budget,
    BatchCap,
    DayCap,
}

/// A moment that a wait aims at.
#[derive(Clone, Copy, Debug)]
pub struct Moment {
    pub pick: u8,
    /// Seconds after it, or before.
    pub offset: i8,
}

/// The number of a request to come.
#[derive(Clone, Copy, Debug)]
pub enum Number {
    Next,
    After(u8),
    Before(u8),
}

/// What happens to a pending proposal.
#[derive(Clone, Copy, Debug)]
pub enum Answer {
    Accept,
    Cancel,
}

/// What happens to a pending request.
#[derive(Clone, Copy, Debug)]
pub enum Fate {
    /// Paid to its destination, or to another one.
    Execute {
        elsewhere: Option<u8>,
    },
    Cancel,
    Freeze,
    Unfreeze,
}

/// How a shard's account or its capacities are wrong.
#[derive(Clone, Copy, Debug)]
pub enum Misfit {
    Larger,
    Smaller,
    NoCreators,
    NoContents,
    TooManyContents,
    TooLarge,
}

/// What happens to a round.
#[derive(Clone, Copy, Debug)]
pub enum RoundFate {
    Cancel,
    /// Paid where it should be, or to the wallet of somebody; the quality grows by so much.
    Deliver {
        elsewhere: Option<u8>,
        better: i16,
    },
    Retire,
    Close {
        elsewhere: Option<u8>,
    },
    Stray {
        by: u8,
        amount: u64,
    },
}

/// What happens to a position. Money goes to its owner, or elsewhere.
#[derive(Clone, Copy, Debug)]
pub enum PositionFate {
    Refund {
        elsewhere: Option<u8>,
    },
    Claim {
        elsewhere: Option<u8>,
    },
    Transfer {
        to: Option<u8>,
    },
    List {
        price: u64,
    },
    Unlist,
    /// For so much less than the price, and with so much less claimed than it has.
    Buy {
        elsewhere: Option<u8>,
        price_less: u8,
        claimed_less: u8,
    },
}

/// A command.
#[derive(Clone, Debug)]
pub enum Command {
    /// The deadline is so many seconds ahead.
    OpenRound {
        shard: u8,
        who: Who,
        payer: u8,
        content: Slot,
        number: Number,
        terms: RoundTerms,
    },
    /// A round that is opened, funded by several and delivered, all as it should be.
    Upgrade {
        shard: u8,
        content: Slot,
        terms: RoundTerms,
        backers: Vec<(u8, u16)>,
    },
    Invest {
        shard: u8,
        round: Slot,
        by: u8,
        payer: u8,
        amount: Amount,
    },
    EndRound {
        shard: u8,
        round: Slot,
        who: Who,
        fate: RoundFate,
    },
    Trade {
        shard: u8,
        round: Slot,
        position: Slot,
        who: Who,
        fate: PositionFate,
    },
    Wait {
        seconds: u32,
    },
    WaitFor {
        moment: Moment,
    },
    Settle {
        batch: Measurement,
    },
    Reverse {
        batch: Measurement,
    },
    /// Settles or reverses with just as much as it takes, or one base unit less.
    Edge {
        batch: Measurement,
        edge: Edge,
        reverse: bool,
        short: bool,
    },
    Fund {
        shard: u8,
        by: u8,
        amount: u64,
    },
    Tip {
        shard: u8,
        by: u8,
        creator: Slot,
        amount: u64,
        memo_bytes: u16,
    },
    Withdraw {
        shard: u8,
        who: Who,
        creator: Slot,
        amount: Amount,
        /// Measures the amount by the balance alone, not by what the window has left.
        ignore_window: bool,
        /// None for the vault.
        destination: Option<u8>,
    },
    Request {
        shard: u8,
        who: Who,
        payer: u8,
        creator: Slot,
        number: Number,
        amount: Amount,
        destination: Option<u8>,
    },
    Decide {
        shard: u8,
        who: Who,
        request: Slot,
        fate: Fate,
    },
    RegisterCreator {
        shard: u8,
        who: Who,
        authority: Option<u8>,
    },
    RegisterContent {
        shard: u8,
        who: Who,
        creator: Slot,
        id: u8,
    },
    SetQuality {
        shard: u8,
        who: Who,
        content: Slot,
        quality: u16,
    },
    Propose {
        shard: u8,
        who: Who,
        creator: Slot,
        proposed: Option<u8>,
    },
    Answer {
        shard: u8,
        who: Who,
        proposal: Slot,
        answer: Answer,
    },
    CollectFees {
        shard: u8,
        treasury: Who,
        processor: Who,
    },
    Donate {
        shard: u8,
        by: u8,
        amount: u64,
    },
    OpenShard {
        who: Who,
        creators: u32,
        contents: u32,
        lanes: u32,
        misfit: Option<Misfit>,
    },
    UpdateSettings {
        who: Who,
        settings: Settings,
    },
    SetRole {
        who: Who,
        role: Role,
        holder: Option<u8>,
    },
    ProposeAdmin {
        who: Who,
        proposed: Option<u8>,
    },
    AcceptAdmin {
        who: Who,
    },
    Pause {
        who: Who,
    },
    Unpause {
        who: Who,
    },
}
