//! HLS playlists (RFC 8216).

use m3u8_rs::{
    AlternativeMedia, AlternativeMediaType, Map, MasterPlaylist, MediaPlaylist, MediaPlaylistType,
    MediaSegment, Resolution, VariantStream,
};

use super::{AudioRendition, TextRendition, VideoRendition};
use crate::{library::Rate, plan::TextKind};

/// Version of the protocol: initialization segments need 6 and more.
const HLS_VERSION: usize = 7;
/// Names of the groups of sound and text.
const AUDIO_GROUP: &str = "audio";
const TEXT_GROUP: &str = "text";
/// Name of a playlist in its folder.
pub(crate) const NAME: &str = "index.m3u8";

/// The playlist of a track whose segments are `(name, microseconds)`.
pub(crate) fn media(init: Option<&str>, segments: &[(String, u64)]) -> Vec<u8> {
    // Playlists are for people and players: milliseconds lose nothing that a player uses, since
    // the exact times are in the segments.
    let seconds = |us: u64| us as f64 / 1e6;
    let longest = segments.iter().map(|(_, us)| *us).max().unwrap_or(0);
    let map = init.map(|uri| Map { uri: uri.into(), ..Map::default() });
    let segment = |(number, (uri, us)): (usize, &(String, u64))| MediaSegment {
        uri: uri.clone(),
        duration: seconds(*us) as f32,
        map: map.clone().filter(|_| number == 0),
        ..MediaSegment::default()
    };
    let playlist = MediaPlaylist {
        version: Some(HLS_VERSION),
        target_duration: longest.div_ceil(1_000_000),
        segments: segments.iter().enumerate().map(segment).collect(),
        end_list: true,
        playlist_type: Some(MediaPlaylistType::Vod),
        independent_segments: init.is_some(),
        ..MediaPlaylist::default()
    };
    let mut bytes = Vec::new();
    // Writing to memory cannot fail.
    let _ = playlist.write_to(&mut bytes);
    bytes
}

/// The multivariant playlist, for a folder beside those of the tracks.
pub(crate) fn multivariant(
    rate: Rate,
    video: &[VideoRendition],
    audio: &[AudioRendition],
    text: &[TextRendition],
) -> Vec<u8> {
    let sound = audio.iter().map(|track| track.bandwidth).max().unwrap_or(0);
    let sound_codec = audio.first().map(|track| format!(",{}", track.codec)).unwrap_or_default();
    let uri = |folder: String| format!("../{folder}/{NAME}");
    let variant = |rendition: &VideoRendition| VariantStream {
        uri: uri(folder("v", rendition.key)),
        bandwidth: rendition.bandwidth + sound,
        average_bandwidth: Some(rendition.average_bandwidth + sound),
        codecs: Some(format!("{}{sound_codec}", rendition.codec)),
        resolution: Some(Resolution {
            width: u64::from(rendition.spec.width),
            height: u64::from(rendition.spec.height),
        }),
        frame_rate: Some(f64::from(rate.num) / f64::from(rate.den)),
        audio: (!audio.is_empty()).then(|| AUDIO_GROUP.into()),
        subtitles: (!text.is_empty()).then(|| TEXT_GROUP.into()),
        ..VariantStream::default()
    };
    let sounds = audio.iter().enumerate().map(|(number, track)| AlternativeMedia {
        media_type: AlternativeMediaType::Audio,
        uri: Some(uri(folder("a", track.key))),
        group_id: AUDIO_GROUP.into(),
        language: Some(track.language.clone()),
        name: track.label.clone(),
        default: number == 0,
        autoselect: true,
        channels: Some("2".into()),
        ..AlternativeMedia::default()
    });
    let texts = text.iter().map(|track| AlternativeMedia {
        media_type: AlternativeMediaType::Subtitles,
        uri: Some(uri(folder("t", track.key))),
        group_id: TEXT_GROUP.into(),
        language: Some(track.language.clone()),
        name: track.label.clone(),
        autoselect: true,
        characteristics: (track.kind == TextKind::Captions).then(|| {
            "public.accessibility.transcribes-spoken-dialog,\
             public.accessibility.describes-music-and-sound"
                .into()
        }),
        ..AlternativeMedia::default()
    });
    let playlist = MasterPlaylist {
        version: Some(HLS_VERSION),
        variants: video.iter().map(variant).collect(),
        alternatives: sounds.chain(texts).collect(),
        independent_segments: true,
        ..MasterPlaylist::default()
    };
    let mut bytes = Vec::new();
    let _ = playlist.write_to(&mut bytes);
    bytes
}

/// The folder of a track in that of its video: `kind` is `v`, `a` or `t`.
pub(crate) fn folder(kind: &str, key: crate::hash::Hash) -> String {
    format!("{kind}-{}", key.short())
}
