//! A video from its first rendition to more of the ladder.

#![allow(clippy::unwrap_used)]

mod common;

use std::collections::BTreeMap;

use common::{World, bunny, plan, target};
use pixr_media::{
    Hash, MediaError,
    analysis::artefacts,
    check::CheckFailure,
    encode,
    package::{self, Manifest, Mismatch, webvtt},
    plan::{AudioTarget, Codec, Method, SubtitleTarget, TextKind, VideoTarget, rung},
    score,
};

fn subtitles(language: &str, kind: TextKind) -> SubtitleTarget {
    SubtitleTarget {
        language: language.into(),
        label: format!("In {language}"),
        kind,
        text: "1\n00:00:00,500 --> 00:00:01,500\nHello\n".into(),
    }
}

async fn assert_sound(world: &World, manifest: &Manifest, hash: Hash) {
    let verified = package::verify(&world.library, manifest.source, hash).await.unwrap();
    assert_eq!(verified.mismatches, []);
    assert_eq!(&verified.manifest, manifest);
    assert_eq!(manifest.quality, score::of(manifest));
}

#[tokio::test]
async fn what_exists_stays_as_it_is() {
    let world = World::new();
    let source = world.import(&bunny()).await.unwrap();
    let analysis = world.analyse(&source).await;
    assert_eq!((analysis.frames, source.audio.len()), (92, 1));
    artefacts::put(&world.library, source.hash, "transcript.txt", "…").await.unwrap();

    let mut want = target(&[(240, Codec::H264)]);
    let first_plan = plan(&source, &analysis, None, &want);
    assert_eq!(first_plan.hash().unwrap(), plan(&source, &analysis, None, &want).hash().unwrap());
    let first = world.run(&first_plan).await;
    assert_eq!(first.frames(), 92);
    assert_sound(&world, &first.manifest, first.hash).await;
    let before = world.files(&first.manifest);

    // A larger picture, words in two languages, and sound at another loudness.
    want = target(&[(240, Codec::H264), (360, Codec::H264)]);
    want.subtitles =
        vec![subtitles("en", TextKind::Captions), subtitles("pt-BR", TextKind::Translation)];
    want.audio = Some(AudioTarget { loudness_centi: Some(-2_300), ..AudioTarget::default() });
    let second_plan = plan(&source, &analysis, Some(&first.manifest), &want);
    assert_eq!(second_plan.video.len(), 1);
    assert_eq!(second_plan.reused.len(), 1);
    assert!(second_plan.saved.price > 0 && second_plan.saved.work_us > 0);
    let second = world.run(&second_plan).await;
    let new_key = second_plan.video[0].key;
    assert_eq!(second.frames_encoded, BTreeMap::from([(new_key, 92)]));
    assert_eq!(second.manifest.previous, Some(first.hash));
    assert!(second.manifest.quality > first.manifest.quality);
    assert_eq!(second.manifest.text.len(), 2);
    assert_eq!(second.manifest.audio[0].spec.gain_centi, Some(1_110));
    assert_sound(&world, &second.manifest, second.hash).await;
    let after = world.files(&first.manifest);
    assert_eq!(before, after);
    assert_eq!(second.manifest.video[0], first.manifest.video[0]);
    assert_eq!(artefacts::list(&world.library, source.hash).await.unwrap(), ["transcript.txt"]);
    let changed = artefacts::put(&world.library, source.hash, "transcript.txt", "other").await;
    assert!(changed.is_err());

    // Segments of all renditions begin at the same times.
    for rendition in &second.manifest.video {
        assert_eq!(rendition.files.len(), 2 + second.manifest.timeline.segments.len());
    }

    // Nothing more to do, and it costs nothing.
    let third = plan(&source, &analysis, Some(&second.manifest), &want);
    assert!(third.is_empty());
    assert_eq!((third.cost.price, third.reused.len()), (0, 5));

    // Anybody notices a byte that is not right.
    let path = world
        .path("library")
        .join(format!("videos/{}/{}", source.hash, second.manifest.video[1].files[2].path));
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[100] ^= 1;
    std::fs::write(&path, bytes).unwrap();
    let verified = package::verify(&world.library, source.hash, second.hash).await.unwrap();
    assert!(matches!(verified.mismatches[..], [Mismatch::Changed { .. }]));
}

#[tokio::test]
async fn every_upgrade_leaves_the_rest_alone() {
    let world = World::new();
    let source = world.import(&bunny()).await.unwrap();
    let analysis = world.analyse(&source).await;
    let mut want = target(&[(240, Codec::H264)]);
    let mut made = world.run(&plan(&source, &analysis, None, &want)).await;
    for upgrade in 0..4 {
        match upgrade {
            0 => want.subtitles.push(subtitles("en", TextKind::Subtitles)),
            1 => want.video.push(VideoTarget { lines: 360, codec: Codec::H264 }),
            2 => want.video.push(VideoTarget { lines: 240, codec: Codec::Av1 }),
            _ => want.subtitles.push(subtitles("de", TextKind::Translation)),
        }
        let plan = plan(&source, &analysis, Some(&made.manifest), &want);
        let before = world.files(&made.manifest);
        let after = world.run(&plan).await;
        assert!(before == world.files(&made.manifest), "upgrade {upgrade} changed what there was");
        let new: BTreeMap<Hash, u64> =
            plan.video.iter().map(|step| (step.key, u64::from(analysis.frames))).collect();
        assert_eq!(after.frames_encoded, new);
        for rendition in &made.manifest.video {
            assert!(after.manifest.video.contains(rendition));
        }
        assert_sound(&world, &after.manifest, after.hash).await;
        made = after;
    }
    assert_eq!((made.manifest.video.len(), made.manifest.text.len()), (3, 2));
}

#[tokio::test]
async fn a_rendition_below_its_floor_is_made_once_more() {
    let world = World::new();
    // The game of life, in cells of so many pixels: hard to encode, and the smaller the harder.
    let life = |name: &str, pixels: u32| {
        let arguments = format!(
            "-f lavfi -i life=s={}x{}:r=25:seed=7:ratio=0.3 -t 3 -vf \
             scale=426:240:flags=neighbor -c:v libx264 -preset ultrafast -crf 10 -pix_fmt yuv420p",
            426 / pixels,
            240 / pixels
        );
        world.clip(name, &arguments)
    };
    let source = world.import(&life("hard.mp4", 2)).await.unwrap();
    let analysis = world.analyse(&source).await;
    let plan = plan(&source, &analysis, None, &target(&[(240, Codec::H264)]));
    let made = world.run(&plan).await;
    let (step, rendition) = (plan.video[0], &made.manifest.video[0]);
    // The manifest names the setting, which has files of its own.
    assert!(rendition.spec.quality < step.spec.quality && rendition.key != step.key);
    assert!(rendition.checked.score >= rung(240).unwrap().ssim_floor);
    let frames = u64::from(analysis.frames);
    assert_eq!(made.frames_encoded, BTreeMap::from([(step.key, frames), (rendition.key, frames)]));
    assert_sound(&world, &made.manifest, made.hash).await;
    // It is finished, and others make the same.
    let again = world.run(&plan).await;
    assert_eq!((again.hash, again.frames(), again.parts_made), (made.hash, 0, 0));
    assert_eq!(world.parts(), 0);
    let elsewhere = World::new();
    elsewhere.import(&world.path("hard.mp4")).await.unwrap();
    elsewhere.analyse(&source).await;
    assert_eq!(elsewhere.run(&plan).await.hash, made.hash);

    // What even that does not help is refused.
    let source = world.import(&life("harder.mp4", 1)).await.unwrap();
    let analysis = world.analyse(&source).await;
    let plan = common::plan(&source, &analysis, None, &target(&[(240, Codec::H264)]));
    let error = encode::run(&world.library, &plan, &world.job()).await.unwrap_err();
    let floor = matches!(error, MediaError::Check(CheckFailure::Floor { floor: 8_500, .. }));
    assert!(floor, "{error}");
}

#[tokio::test]
async fn a_source_that_changed_in_the_store_is_noticed() {
    let world = World::new();
    let source = world.import(&bunny()).await.unwrap();
    let analysis = world.analyse(&source).await;
    let plan = plan(&source, &analysis, None, &target(&[(240, Codec::H264)]));
    let path = world.library.source_file(source.hash).await.unwrap();
    let mut bytes = std::fs::read(&path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&path, bytes).unwrap();
    let error = encode::run(&world.library, &plan, &world.job()).await.unwrap_err();
    let MediaError::Changed { expected, found, .. } = &error else { panic!("{error}") };
    assert!(*expected == source.hash && found != expected);
    assert!(error.to_string().contains("changed or damaged"), "{error}");
}

#[tokio::test]
async fn playlists_are_read_by_others() {
    let world = World::new();
    let source = world.import(&bunny()).await.unwrap();
    let analysis = world.analyse(&source).await;
    let mut want = target(&[(240, Codec::H264), (240, Codec::Hevc), (240, Codec::Av1)]);
    want.subtitles = vec![subtitles("en", TextKind::Subtitles)];
    let made = world.run(&plan(&source, &analysis, None, &want)).await;
    assert_sound(&world, &made.manifest, made.hash).await;
    let folder = world.path("library").join(format!("videos/{}", source.hash));
    let index = folder.join(&made.manifest.playlist.path);
    let playlist = m3u8_rs::parse_master_playlist_res(&std::fs::read(&index).unwrap()).unwrap();
    assert_eq!((playlist.variants.len(), playlist.alternatives.len()), (3, 2));
    let codecs: Vec<&str> =
        playlist.variants.iter().map(|variant| variant.codecs.as_deref().unwrap()).collect();
    assert!(codecs[0].starts_with("avc1.64"), "{codecs:?}");
    assert!(codecs[1].starts_with("hvc1.1.6.L"), "{codecs:?}");
    assert!(codecs[2].starts_with("av01.0."), "{codecs:?}");
    for variant in &playlist.variants {
        let path = index.parent().unwrap().join(&variant.uri);
        let media = m3u8_rs::parse_media_playlist_res(&std::fs::read(&path).unwrap()).unwrap();
        let seconds: f32 = media.segments.iter().map(|segment| segment.duration).sum();
        assert!((seconds - 3.68).abs() < 0.01 && media.end_list);
        assert_eq!(decoded_frames(&path), 92, "{}", variant.uri);
    }
    let text = folder.join(&made.manifest.text[0].files[1].path);
    let text = std::fs::read_to_string(text).unwrap();
    assert_eq!(webvtt::convert(&text, 3_680_000).unwrap(), text);
}

/// Frames that ffmpeg, as a player, gets out of a playlist.
fn decoded_frames(playlist: &std::path::Path) -> u64 {
    let output = std::process::Command::new("ffprobe")
        .args(["-v", "error", "-count_frames", "-select_streams", "v"])
        .args(["-show_entries", "stream=nb_read_frames", "-of", "csv=p=0"])
        .arg(playlist)
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().next().unwrap().trim_matches(',').parse().unwrap()
}

#[tokio::test]
async fn a_stream_that_fits_is_not_encoded() {
    let world = World::new();
    let clip = world.clip(
        "fits.mp4",
        "-f lavfi -i testsrc2=s=426x240:r=24000/1001:d=4 -f lavfi -i sine=d=4 -c:v libx264 \
         -preset veryfast -g 24 -bf 2 -flags +cgop -pix_fmt yuv420p -c:a aac -ac 2",
    );
    let source = world.import(&clip).await.unwrap();
    let analysis = world.analyse(&source).await;
    let plan = plan(&source, &analysis, None, &target(&[(240, Codec::H264)]));
    assert!(plan.timeline.on_keyframes);
    assert_eq!(plan.video[0].method, Method::Remux);
    assert_eq!(plan.frames(), 0);
    let made = world.run(&plan).await;
    assert_eq!(made.frames(), 0);
    let rendition = &made.manifest.video[0];
    assert_eq!((rendition.checked.score, rendition.checked.frames), (10_000, analysis.frames));
    assert_sound(&world, &made.manifest, made.hash).await;
}
