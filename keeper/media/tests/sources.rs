//! Sources of all kinds: odd ones are taken, broken and dangerous ones refused.

#![allow(clippy::unwrap_used)]

mod common;

use common::{World, bunny, limits, plan, target};
use pixr_media::{
    MediaError,
    library::{Limits, Rate, Refusal},
    plan::Codec,
};

/// What a clip should turn out as.
struct Expected {
    rate: (u32, u32),
    frames: std::ops::RangeInclusive<u32>,
    /// Of the 240p rendition.
    size: (u32, u32),
    sounds: usize,
}

async fn assert_made(arguments: &str, name: &str, codec: Codec, expected: Expected) {
    let world = World::new();
    let clip = world.clip(name, arguments);
    let source = world.import(&clip).await.unwrap();
    let (num, den) = expected.rate;
    assert_eq!(source.video.rate, Rate { num, den }, "{source:?}");
    assert_eq!(source.audio.len(), expected.sounds);
    let analysis = world.analyse(&source).await;
    assert!(expected.frames.contains(&analysis.frames), "{} frames", analysis.frames);
    assert_eq!(analysis.loudness.len(), expected.sounds);
    let made = world.run(&plan(&source, &analysis, None, &target(&[(240, codec)]))).await;
    let rendition = &made.manifest.video[0];
    assert_eq!((rendition.spec.width, rendition.spec.height), expected.size);
    assert_eq!(rendition.checked.frames, analysis.frames);
    assert_eq!(made.manifest.audio.len(), expected.sounds);
    assert_eq!(made.frames(), u64::from(analysis.frames));
}

const QUICK: &str = "-c:v libx264 -preset ultrafast -pix_fmt yuv420p -c:a aac";

#[tokio::test]
async fn odd_size_without_sound() {
    let arguments = "-f lavfi -i testsrc2=s=321x241:r=25:d=2 -c:v libx264 -preset ultrafast \
                     -pix_fmt yuv444p";
    let expected = Expected { rate: (25, 1), frames: 50..=50, size: (320, 240), sounds: 0 };
    assert_made(arguments, "odd.mkv", Codec::H264, expected).await;
}

#[tokio::test]
async fn film_rate_with_two_sounds() {
    let arguments = format!(
        "-f lavfi -i testsrc2=s=640x360:r=24000/1001:d=2.2 -f lavfi -i sine=f=400:d=2.2 -f lavfi \
         -i sine=f=900:d=2 -map 0 -map 1 -map 2 -metadata:s:a:0 language=eng \
         -metadata:s:a:1 language=deu {QUICK}"
    );
    let expected = Expected { rate: (24_000, 1_001), frames: 52..=53, size: (426, 240), sounds: 2 };
    assert_made(&arguments, "film.mp4", Codec::H264, expected).await;
}

#[tokio::test]
async fn high_rate_in_matroska() {
    let arguments = format!(
        "-f lavfi -i testsrc2=s=426x240:r=60000/1001:d=1.5 -f lavfi -i sine=d=1.5 {QUICK} -g 30"
    );
    let expected = Expected { rate: (60_000, 1_001), frames: 89..=91, size: (426, 240), sounds: 1 };
    assert_made(&arguments, "fast.mkv", Codec::Hevc, expected).await;
}

#[tokio::test]
async fn sound_that_begins_late_and_ends_early() {
    let arguments = format!(
        "-f lavfi -i testsrc2=s=426x240:r=25:d=3 -itsoffset 0.7 -f lavfi -i sine=d=1 -map 0 -map 1 \
         {QUICK}"
    );
    let expected = Expected { rate: (25, 1), frames: 75..=75, size: (426, 240), sounds: 1 };
    assert_made(&arguments, "late.mkv", Codec::H264, expected).await;
}

#[tokio::test]
async fn turned_by_metadata() {
    let world = World::new();
    let flat = format!("-f lavfi -i testsrc2=s=640x360:r=25:d=1 {QUICK}");
    let clip = world.clip("flat.mp4", &flat);
    let arguments = format!("-i {} -c copy -metadata:s:v rotate=90", clip.display());
    let expected = Expected { rate: (25, 1), frames: 25..=25, size: (240, 426), sounds: 0 };
    assert_made(&arguments, "turned.mp4", Codec::H264, expected).await;
}

#[tokio::test]
async fn variable_rate() {
    // Frames 10 to 29 of each 40 are missing, and the clip begins late.
    let arguments = format!(
        "-f lavfi -i testsrc2=s=320x180:r=30:d=3 -f lavfi -i sine=d=3 -vf \
         select=not(between(mod(n\\,40)\\,10\\,29))*gt(n\\,3) -vsync vfr {QUICK}"
    );
    let expected = Expected { rate: (24_000, 1_001), frames: 60..=73, size: (320, 180), sounds: 1 };
    assert_made(&arguments, "variable.mp4", Codec::H264, expected).await;
}

#[tokio::test]
async fn ten_bits() {
    let arguments = "-f lavfi -i testsrc2=s=426x240:r=25:d=1.2 -c:v libx265 -preset ultrafast \
                     -x265-params log-level=error -pix_fmt yuv420p10le";
    let expected = Expected { rate: (25, 1), frames: 30..=30, size: (426, 240), sounds: 0 };
    assert_made(arguments, "ten.mp4", Codec::Av1, expected).await;
}

#[tokio::test]
async fn four_k() {
    let arguments = format!("-f lavfi -i testsrc2=s=3840x2160:r=25:d=0.2 {QUICK}");
    let expected = Expected { rate: (25, 1), frames: 5..=5, size: (426, 240), sounds: 0 };
    assert_made(&arguments, "4k.mp4", Codec::H264, expected).await;
}

async fn refusal(world: &World, path: &std::path::Path) -> Refusal {
    match world.import(path).await {
        Err(MediaError::Refused(refusal)) => refusal,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn broken_files_are_refused() {
    let world = World::new();
    let write = |name: &str, bytes: &[u8]| {
        let path = world.path(name);
        std::fs::write(&path, bytes).unwrap();
        path
    };
    let whole = std::fs::read(bunny()).unwrap();
    assert_eq!(refusal(&world, &write("empty.mp4", b"")).await, Refusal::Empty);
    // Its index is at the end.
    let cut = refusal(&world, &write("cut.mp4", &whole[..whole.len() / 2])).await;
    assert!(matches!(cut, Refusal::Damaged { .. }), "{cut:?}");
    // The index is at the beginning, so only the packets tell.
    let front =
        world.clip("front.mp4", &format!("-i {} -c copy -movflags +faststart", bunny().display()));
    let front = std::fs::read(front).unwrap();
    let cut = refusal(&world, &write("cut2.mp4", &front[..front.len() / 2])).await;
    assert!(matches!(cut, Refusal::Damaged { .. }), "{cut:?}");
    let text =
        refusal(&world, &write("text.mp4", b"this is no video, whatever its name says")).await;
    assert!(matches!(text, Refusal::Format { .. }), "{text:?}");
    let sound = world.clip("sound.mp4", "-f lavfi -i sine=d=1 -c:a aac");
    assert_eq!(refusal(&world, &sound).await, Refusal::NoVideo);
    // A wrong ending is nobody's business.
    std::fs::copy(bunny(), world.path("bunny.txt")).unwrap();
    assert!(world.import(&world.path("bunny.txt")).await.is_ok());
}

#[tokio::test]
async fn files_that_name_other_files_are_refused() {
    let world = World::new();
    std::fs::copy(bunny(), world.path("secret.mp4")).unwrap();
    let secret = world.path("secret.mp4").display().to_string();
    for (name, text) in [
        ("list.mp4", format!("#EXTM3U\n#EXTINF:4,\n{secret}\n#EXT-X-ENDLIST\n")),
        ("list.m3u8", format!("#EXTM3U\n#EXTINF:4,\nfile://{secret}\n#EXT-X-ENDLIST\n")),
        ("concat.mp4", format!("ffconcat version 1.0\nfile '{secret}'\n")),
        ("net.mp4", "#EXTM3U\n#EXTINF:4,\nhttp://127.0.0.1:9/x.ts\n#EXT-X-ENDLIST\n".into()),
        ("manifest.mpd", format!("<MPD><Period><BaseURL>{secret}</BaseURL></Period></MPD>")),
    ] {
        let path = world.path(name);
        std::fs::write(&path, text).unwrap();
        let refused = refusal(&world, &path).await;
        assert!(matches!(refused, Refusal::Format { .. }), "{name}: {refused:?}");
    }
}

#[tokio::test]
async fn limits_hold_before_anything_is_decoded() {
    let world = World::with(Limits {
        source_bytes_max: 2 << 20,
        duration_seconds_max: 60,
        streams_max: 2,
        side_pixels_max: 1_920,
        frame_pixels_max: 1_920 * 1_080,
        frame_rate_max: 60,
        ..limits()
    });
    let clip = |name: &str, input: &str| {
        world.clip(name, &format!("{input} -c:v libx264 -preset ultrafast -c:a aac"))
    };
    // A few kilobytes that would be gigabytes: one black frame, very large.
    let huge = clip("huge.mp4", "-f lavfi -i color=s=8192x4320:r=1:d=1");
    let found = refusal(&world, &huge).await;
    assert!(matches!(found, Refusal::FrameSize { width: 8_192, .. }), "{found:?}");
    // A few kilobytes that would take days: a still of many hours.
    let long = clip("long.mkv", "-f lavfi -i color=s=64x64:r=0.0001:d=40000");
    let found = refusal(&world, &long).await;
    assert!(matches!(found, Refusal::TooLong { .. }), "{found:?}");
    let fast = clip("fast.mp4", "-f lavfi -i color=s=64x64:r=240:d=0.1");
    assert_eq!(refusal(&world, &fast).await, Refusal::FrameRate { rate: 240, limit: 60 });
    let many = clip(
        "many.mp4",
        "-f lavfi -i color=s=64x64:d=0.1 -f lavfi -i sine=d=0.1 -map 0 -map 1 -map 1",
    );
    assert_eq!(refusal(&world, &many).await, Refusal::TooManyStreams { count: 3, limit: 2 });
    let large = world.path("large.mp4");
    std::fs::File::create(&large).unwrap().set_len(3 << 20).unwrap();
    let found = refusal(&world, &large).await;
    assert_eq!(found, Refusal::TooLarge { bytes: 3 << 20, limit: 2 << 20 });
    assert!(found.to_string().contains("3145728 bytes, at most 2097152"));
}
