//! Named errors. New ones go to the end: their numbers are part of the interface.

use anchor_lang::prelude::*;

/// Everything that the program itself refuses. Numbers start at 6000.
#[error_code]
pub enum PixrError {
    // Roles and state.
    #[msg("the signer is not the platform's admin")]
    NotAdmin, // 6000
    #[msg("the signer is not the platform's keeper")]
    NotKeeper, // 6001
    #[msg("the signer is not the platform's guardian")]
    NotGuardian, // 6002
    #[msg("the signer is not the creator's withdraw authority")]
    NotCreator, // 6003
    #[msg("the signer is neither the creator's withdraw authority nor the platform's keeper")]
    NotCreatorOrKeeper, // 6004
    #[msg("the signer is not the proposed new authority")]
    NotProposed, // 6005
    #[msg("the platform is paused: only its admin and guardian can act")]
    Paused, // 6006
    #[msg("a role cannot be given to the zero address")]
    RoleIsZero, // 6007

    // Accounts that do not belong together.
    #[msg("the shard belongs to another platform")]
    WrongPlatform, // 6008
    #[msg("the account belongs to another shard")]
    WrongShard, // 6009
    #[msg("the token account is not the shard's vault")]
    WrongVault, // 6010
    #[msg("the mint is not the platform's mint")]
    WrongMint, // 6011
    #[msg("the token program does not own the platform's mint")]
    WrongTokenProgram, // 6012
    #[msg("the destination is not the one that was fixed at the request")]
    WrongDestination, // 6013
    #[msg("the destination must not be the shard's own vault")]
    DestinationIsVault, // 6014
    #[msg("the account does not receive the rent of this shard or request")]
    WrongRentReceiver, // 6015

    // Settings.
    #[msg("a value in basis points is above 10,000")]
    BpsTooHigh, // 6016
    #[msg("base_rate must be from 1 to 2^38 base units per 1,000 views")]
    BaseRateOutOfBounds, // 6017
    #[msg("the two fees together must not exceed 3,000 basis points")]
    FeesTooHigh, // 6018
    #[msg("batch_cap must be at least 1 and at most day_cap")]
    CapsOutOfBounds, // 6019
    #[msg("withdraw_limit must be at least 1")]
    WithdrawLimitOutOfBounds, // 6020
    #[msg("withdraw_window_seconds must be from 1 hour to 30 days")]
    WithdrawWindowOutOfBounds, // 6021
    #[msg("withdraw_delay_seconds must be from 1 hour to 30 days")]
    WithdrawDelayOutOfBounds, // 6022

    // Mints.
    #[msg("the mint takes a fee on transfers: balances could not be kept exactly")]
    MintHasTransferFee, // 6023
    #[msg("the mint calls a hook on transfers, which could block or observe payments")]
    MintHasTransferHook, // 6024
    #[msg("the mint has an extension that could move, freeze or hide the vault's tokens")]
    MintExtensionUnsupported, // 6025

    // Shards.
    #[msg("the account's size is not that of a shard with these capacities")]
    ShardSizeMismatch, // 6026
    #[msg("a shard needs at least one creator and one content slot, and at most 2^24 contents")]
    ShardCapacityOutOfBounds, // 6027
    #[msg("the account is not a shard of a version that this program knows")]
    ShardCorrupt, // 6028
    #[msg("the shard has no free creator slot: open another shard")]
    ShardFullOfCreators, // 6029
    #[msg("the shard has no free content slot: open another shard")]
    ShardFullOfContents, // 6030
    #[msg("the shard has no creator with this index")]
    UnknownCreator, // 6031
    #[msg("the shard has no content with this index")]
    UnknownContent, // 6032
    #[msg("a content with this id is already registered in the shard")]
    ContentIdTaken, // 6033
    #[msg("too many ids crowd this place of the content index: use another shard")]
    ContentIndexCrowded, // 6034

    // Batches.
    #[msg("the batch was settled already: its sequence is below the shard's next one")]
    SequenceReplayed, // 6035
    #[msg("a batch is missing: the sequence is above the shard's next one")]
    SequenceGap, // 6036
    #[msg("the batch has no entries")]
    EntriesEmpty, // 6037
    #[msg("the entries exceed 4,096 bytes")]
    EntriesTooLong, // 6038
    #[msg("the last entry is cut off")]
    EntriesTruncated, // 6039
    #[msg("an entry's relevance is above 10,000 basis points")]
    RelevanceTooHigh, // 6040
    #[msg("the reward budget does not cover the batch: fund the shard")]
    BudgetExhausted, // 6041
    #[msg("the batch credits more than batch_cap")]
    BatchCapExceeded, // 6042
    #[msg("the shard would credit or reverse more than day_cap today (UTC)")]
    DayCapExceeded, // 6043
    #[msg("a lifetime counter of the shard would overflow")]
    Overflow, // 6044
    #[msg("a reversal takes back more views than the content has")]
    ReversalExceedsViews, // 6045
    #[msg("a content cannot owe that much: reverse less at once")]
    ReversalTooLarge, // 6046

    // Money.
    #[msg("the amount must be above zero")]
    AmountIsZero, // 6047
    #[msg("the source account holds less than the amount")]
    InsufficientTokens, // 6048
    #[msg("the creator's balance is below the amount")]
    InsufficientBalance, // 6049
    #[msg("the tip is used up by its fees: tip more")]
    TipTooSmall, // 6050
    #[msg("the memo exceeds 256 bytes")]
    MemoTooLong, // 6051
    #[msg("the amount exceeds what this window has left: wait, or request a delayed withdrawal")]
    WithdrawLimitExceeded, // 6052
    #[msg("the withdrawal cannot be executed before its delay is over")]
    WithdrawalTooEarly, // 6053
    #[msg("the guardian has frozen the withdrawal")]
    WithdrawalFrozen, // 6054
    #[msg("number is not that of the creator's next request")]
    WithdrawalNumber, // 6055
    #[msg("there are no fees to collect")]
    NoFees, // 6056
    #[msg("the vault would hold less than the shard owes")]
    Insolvent, // 6057

    // Rounds: who and which.
    #[msg("the signer does not own the position")]
    NotOwner, // 6058
    #[msg("the account belongs to another round")]
    WrongRound, // 6059
    #[msg("the token account is not the escrow of the round")]
    WrongEscrow, // 6060

    // Rounds: terms.
    #[msg("baseline_seconds_min must be from 1 hour to 90 days")]
    BaselineSecondsOutOfBounds, // 6061
    #[msg("the target must be from 1 to 2^50 base units")]
    TargetOutOfBounds, // 6062
    #[msg("the deadline must lie ahead, by a year at most")]
    DeadlineOutOfBounds, // 6063
    #[msg("delivery_seconds must be from 1 hour to 1 year")]
    DeliveryOutOfBounds, // 6064
    #[msg("share_bps must be from 1 to the platform's shares_bps_max")]
    ShareOutOfBounds, // 6065
    #[msg("the cap must be from 1 to 2^50 base units")]
    CapOutOfBounds, // 6066
    #[msg("term_seconds must be from 1 hour to 5 years")]
    TermOutOfBounds, // 6067
    #[msg("a support round has no share, cap or term")]
    SupportHasReturns, // 6068
    #[msg("number is not that of the content's next round")]
    RoundNumber, // 6069
    #[msg("the content has as many lanes as one can have: wait until one ends")]
    ContentFullOfLanes, // 6070
    #[msg("the shares of the content's lanes would exceed shares_bps_max")]
    SharesExceeded, // 6071
    #[msg("the shard has no free lane")]
    ShardFullOfLanes, // 6072

    // Rounds: states.
    #[msg("the round is not open")]
    RoundNotOpen, // 6073
    #[msg("the deadline of the round has passed")]
    DeadlinePassed, // 6074
    #[msg("the round is not funded")]
    RoundNotFunded, // 6075
    #[msg("the round should have been delivered before: it refunds")]
    DeliveryOverdue, // 6076
    #[msg("the round does not refund")]
    RoundNotRefunding, // 6077
    #[msg("the round is not delivered")]
    RoundNotDelivered, // 6078
    #[msg("the round is delivered or refunds already")]
    RoundNotCancellable, // 6079
    #[msg("a position cannot change hands while its round is open")]
    PositionFixed, // 6080
    #[msg("the round was open for less than baseline_seconds_min: deliver later")]
    BaselineTooShort, // 6081
    #[msg("the content earns too much for a baseline over this term")]
    BaselineTooHigh, // 6082
    #[msg("a delivery must not lower the quality of the content")]
    QualityTooLow, // 6083
    #[msg("nothing is owed to the position beyond what it was paid")]
    NothingToClaim, // 6084
    #[msg("the round has no lane")]
    LaneRetired, // 6085
    #[msg("the term of the round is not over")]
    TermNotOver, // 6086
    #[msg("the round has positions, or may get some")]
    RoundNotFinished, // 6087

    // The market of positions.
    #[msg("the position is not for sale")]
    NotListed, // 6088
    #[msg("the price is above what the buyer named")]
    PriceTooHigh, // 6089
    #[msg("more was paid to the position than the buyer named")]
    ClaimedTooHigh, // 6090
}
