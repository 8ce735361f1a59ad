//! A video from its first rendition to the full ladder.

mod common;

use common::{World, bunny, plan, target};
use pixr_media::{
    package::{self, Mismatch},
    plan::{Codec, Method, SubtitleTarget, TextKind},
};

fn subtitles(language: &str) -> SubtitleTarget {
    SubtitleTarget {
        language: language.into(),
        label: language.into(),
        kind: TextKind::Subtitles,
        text: "1\n00:00:00,500 --> 00:00:01,500\nHello\n".into(),
    }
}

#[tokio::test]
async fn first() {
    let world = World::new();
    let source = world.import(&bunny()).await.unwrap();
    let analysis = world.analyse(&source).await;
    println!("{source:#?}\n{analysis:#?}");
    let mut want = target(&[(360, Codec::H264)]);
    let plan1 = plan(&source, &analysis, None, &want);
    println!("{plan1:#?}");
    let first = world.run(&plan1).await;
    println!("{first:#?}");
}
