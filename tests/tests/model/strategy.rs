//! How commands are drawn. Most are valid, so that sequences make progress.

mod rounds;
mod settings;

use pixr::state::Role;
use pixr_tests::{model::Flaw, tokens::Token};
use proptest::{
    bool::weighted, collection::vec, option, prelude::*, sample::select, strategy::Union,
};

use crate::command::*;
use settings::settings;

/// One token program or the other.
pub fn token() -> impl Strategy<Value = Token> {
    select(vec![Token::Spl, Token::Token2022])
}

/// Sequences of up to `length` commands.
pub fn commands(length: usize) -> impl Strategy<Value = Vec<Command>> {
    vec(command(), 1..=length)
}

fn command() -> impl Strategy<Value = Command> {
    Union::new_weighted(vec![
        (9, wait()),
        (36, settle()),
        (10, measurement().prop_map(|batch| Command::Reverse { batch }).boxed()),
        (8, edge()),
        (10, fund()),
        (10, tip()),
        (14, withdraw()),
        (10, request()),
        (16, decide()),
        (5, register_creator()),
        (8, register_content()),
        (5, set_quality()),
        (3, propose()),
        (4, answer()),
        (4, collect_fees()),
        (2, donate()),
        (2, open_shard()),
        (5, update_settings()),
        (2, set_role()),
        (5, admin()),
        (9, rounds::upgrade()),
        (14, rounds::open_round()),
        (24, rounds::invest()),
        (16, rounds::end_round()),
        (36, rounds::trade()),
    ])
}

/// Mostly whoever may.
fn who() -> impl Strategy<Value = Who> {
    prop_oneof![
        25 => Just(Who::Right),
        1 => any::<u8>().prop_map(Who::Actor),
    ]
}

/// Somebody or the keeper.
fn registrar() -> impl Strategy<Value = Who> {
    prop_oneof![
        8 => Just(Who::Right),
        8 => Just(Who::Keeper),
        1 => any::<u8>().prop_map(Who::Actor),
    ]
}

fn slot() -> impl Strategy<Value = Slot> {
    (any::<u8>(), weighted(0.02)).prop_map(|(pick, beyond)| Slot { pick, beyond })
}

/// Somebody; rarely nobody.
fn somebody() -> impl Strategy<Value = Option<u8>> {
    option::weighted(0.95, any::<u8>())
}

fn amount() -> impl Strategy<Value = Amount> {
    prop_oneof![
        1 => Just(Amount::Zero),
        12 => any::<u16>().prop_map(Amount::Part),
        6 => Just(Amount::All),
        2 => any::<u16>().prop_map(|more| Amount::Beyond(more >> (more & 15))),
    ]
}

/// Values of every magnitude up to 2^`bits`.
fn magnitude(bits: u32) -> impl Strategy<Value = u64> {
    (0..=bits, any::<u64>()).prop_map(|(bits, noise)| match bits {
        0 => 0,
        _ => noise >> (64 - bits),
    })
}

fn wait() -> BoxedStrategy<Command> {
    let moment = (any::<u8>(), -1..=1_i8).prop_map(|(pick, offset)| Moment { pick, offset });
    prop_oneof![
        (0..120_u32).prop_map(|seconds| Command::Wait { seconds }),
        (3_600..100_000_u32).prop_map(|seconds| Command::Wait { seconds }),
        (86_400..40 * 86_400_u32).prop_map(|seconds| Command::Wait { seconds }),
        moment.prop_map(|moment| Command::WaitFor { moment }),
    ]
    .boxed()
}

fn views() -> impl Strategy<Value = Views> {
    let views = prop_oneof![
        6 => 1..=3_u64,
        6 => 1..=140_u64,
        4 => 1..=5_000_u64,
        2 => 1..=1_u64 << 24,
        1 => Just(1 << 24),
    ];
    let relevance = prop_oneof![
        4 => Just(10_000_u64),
        2 => select(vec![0, 1, 2_500, 5_000, 7_500, 9_999]),
        2 => 0..=10_000_u64,
    ];
    let content = (any::<u8>(), weighted(0.004)).prop_map(|(pick, beyond)| Slot { pick, beyond });
    (content, views, relevance).prop_map(|(content, views, relevance)| Views {
        content,
        views,
        relevance,
    })
}

fn measurement() -> impl Strategy<Value = Measurement> {
    let sequence = prop_oneof![
        30 => Just(Sequence::Next),
        1 => any::<u8>().prop_map(Sequence::Replayed),
        1 => any::<u8>().prop_map(Sequence::Gap),
    ];
    let entries = prop_oneof![
        16 => vec(views(), 1..8),
        1 => vec(views(), 0..2),
        1 => vec(views(), 1..150),
    ];
    let flaw = option::weighted(0.04, select(vec![Flaw::Odd, Flaw::HalfEntry, Flaw::Relevance]));
    (any::<u8>(), who(), sequence, entries, weighted(0.8), flaw).prop_map(
        |(shard, who, sequence, entries, sorted, flaw)| Measurement {
            shard,
            who,
            sequence,
            entries,
            sorted,
            flaw,
        },
    )
}

fn settle() -> BoxedStrategy<Command> {
    measurement().prop_map(|batch| Command::Settle { batch }).boxed()
}

fn edge() -> BoxedStrategy<Command> {
    let edge = select(vec![Edge::Budget, Edge::BatchCap, Edge::DayCap]);
    (measurement(), edge, weighted(0.3), any::<bool>())
        .prop_map(|(batch, edge, reverse, short)| Command::Edge { batch, edge, reverse, short })
        .boxed()
}

fn fund() -> BoxedStrategy<Command> {
    let amount = prop_oneof![12 => magnitude(44), 1 => magnitude(60)];
    (any::<u8>(), any::<u8>(), amount)
        .prop_map(|(shard, by, amount)| Command::Fund { shard, by, amount })
        .boxed()
}

fn tip() -> BoxedStrategy<Command> {
    let amount = prop_oneof![4 => magnitude(34), 1 => 0..20_u64];
    let memo_bytes = prop_oneof![8 => 0..40_u16, 1 => 250..260_u16];
    (any::<u8>(), any::<u8>(), slot(), amount, memo_bytes)
        .prop_map(|(shard, by, creator, amount, memo_bytes)| Command::Tip {
            shard,
            by,
            creator,
            amount,
            memo_bytes,
        })
        .boxed()
}

fn withdraw() -> BoxedStrategy<Command> {
    (any::<u8>(), who(), slot(), amount(), weighted(0.1), somebody())
        .prop_map(|(shard, who, creator, amount, ignore_window, destination)| Command::Withdraw {
            shard,
            who,
            creator,
            amount,
            ignore_window,
            destination,
        })
        .boxed()
}

fn request() -> BoxedStrategy<Command> {
    let number = prop_oneof![
        16 => Just(Number::Next),
        1 => any::<u8>().prop_map(Number::After),
        1 => any::<u8>().prop_map(Number::Before),
    ];
    (any::<u8>(), who(), any::<u8>(), slot(), number, amount(), somebody())
        .prop_map(|(shard, who, payer, creator, number, amount, destination)| Command::Request {
            shard,
            who,
            payer,
            creator,
            number,
            amount,
            destination,
        })
        .boxed()
}

fn decide() -> BoxedStrategy<Command> {
    let fate = prop_oneof![
        6 => option::weighted(0.05, any::<u8>())
            .prop_map(|elsewhere| Fate::Execute { elsewhere }),
        2 => Just(Fate::Cancel),
        1 => Just(Fate::Freeze),
        2 => Just(Fate::Unfreeze),
    ];
    (any::<u8>(), who(), slot(), fate)
        .prop_map(|(shard, who, request, fate)| Command::Decide { shard, who, request, fate })
        .boxed()
}

fn register_creator() -> BoxedStrategy<Command> {
    (any::<u8>(), registrar(), somebody())
        .prop_map(|(shard, who, authority)| Command::RegisterCreator { shard, who, authority })
        .boxed()
}

fn register_content() -> BoxedStrategy<Command> {
    (any::<u8>(), registrar(), slot(), 0..40_u8)
        .prop_map(|(shard, who, creator, id)| Command::RegisterContent { shard, who, creator, id })
        .boxed()
}

fn set_quality() -> BoxedStrategy<Command> {
    let quality = prop_oneof![8 => 0..=10_000_u16, 1 => Just(10_001), 1 => any::<u16>()];
    (any::<u8>(), who(), slot(), quality)
        .prop_map(|(shard, who, content, quality)| Command::SetQuality {
            shard,
            who,
            content,
            quality,
        })
        .boxed()
}

fn propose() -> BoxedStrategy<Command> {
    (any::<u8>(), who(), slot(), somebody())
        .prop_map(|(shard, who, creator, proposed)| Command::Propose {
            shard,
            who,
            creator,
            proposed,
        })
        .boxed()
}

fn answer() -> BoxedStrategy<Command> {
    let answer = select(vec![Answer::Accept, Answer::Accept, Answer::Cancel]);
    (any::<u8>(), who(), slot(), answer)
        .prop_map(|(shard, who, proposal, answer)| Command::Answer { shard, who, proposal, answer })
        .boxed()
}

fn collect_fees() -> BoxedStrategy<Command> {
    (any::<u8>(), who(), who())
        .prop_map(|(shard, treasury, processor)| Command::CollectFees {
            shard,
            treasury,
            processor,
        })
        .boxed()
}

fn donate() -> BoxedStrategy<Command> {
    (any::<u8>(), any::<u8>(), magnitude(40))
        .prop_map(|(shard, by, amount)| Command::Donate { shard, by, amount })
        .boxed()
}

fn open_shard() -> BoxedStrategy<Command> {
    let misfit = select(vec![
        Misfit::Larger,
        Misfit::Smaller,
        Misfit::NoCreators,
        Misfit::NoContents,
        Misfit::TooManyContents,
        Misfit::TooLarge,
    ]);
    (who(), 1..=5_u32, 1..=12_u32, 0..=6_u32, option::weighted(0.4, misfit))
        .prop_map(|(who, creators, contents, lanes, misfit)| Command::OpenShard {
            who,
            creators,
            contents,
            lanes,
            misfit,
        })
        .boxed()
}

fn update_settings() -> BoxedStrategy<Command> {
    (who(), settings())
        .prop_map(|(who, settings)| Command::UpdateSettings { who, settings })
        .boxed()
}

fn set_role() -> BoxedStrategy<Command> {
    let role = select(vec![Role::Keeper, Role::Guardian, Role::Treasury, Role::Processor]);
    (who(), role, somebody())
        .prop_map(|(who, role, holder)| Command::SetRole { who, role, holder })
        .boxed()
}

fn admin() -> BoxedStrategy<Command> {
    prop_oneof![
        2 => (who(), somebody())
            .prop_map(|(who, proposed)| Command::ProposeAdmin { who, proposed }),
        2 => who().prop_map(|who| Command::AcceptAdmin { who }),
        1 => who().prop_map(|who| Command::Pause { who }),
        1 => who().prop_map(|who| Command::Unpause { who }),
    ]
    .boxed()
}
