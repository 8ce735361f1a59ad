//! The library in a bucket: a real S3 server on this machine, reached over HTTP with signed requests.

#![allow(clippy::unwrap_used)]

mod common;

use std::{io::Write, net::Ipv4Addr, path::Path, sync::Arc};

use common::{World, bunny, limits, plan, target};
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::conn::auto,
};
use object_store::{Error, ObjectStore, ObjectStoreExt, aws::AmazonS3Builder, path::Path as Key};
use pixr_media::{
    Hash, Library, MediaError,
    analysis::artefacts,
    encode,
    package::{self, Mismatch},
    plan::Codec,
    progress::Progress,
};
use s3s::{auth::SimpleAuth, service::S3ServiceBuilder};
use s3s_fs::FileSystem;
use tokio::net::TcpListener;

const BUCKET: &str = "media";
const ACCESS_KEY: &str = "pixr";
const SECRET_KEY: &str = "only for tests";
/// From this size on the library sends a file in parts, bytes.
const PARTS_BYTES_MIN: usize = 10 << 20;

/// Serves the buckets in `folder` as long as the test runs. Returns its address.
async fn serve(folder: &Path) -> String {
    std::fs::create_dir_all(folder.join(BUCKET)).unwrap();
    let mut service = S3ServiceBuilder::new(FileSystem::new(folder).unwrap());
    service.set_auth(SimpleAuth::from_single(ACCESS_KEY, SECRET_KEY));
    let service = service.build();
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let service = service.clone();
            tokio::spawn(async move {
                let http = auto::Builder::new(TokioExecutor::new());
                // The client closes connections as it likes.
                let _ = http.serve_connection(TokioIo::new(stream), service).await;
            });
        }
    });
    address
}

fn bucket(address: &str, secret_key: &str) -> Arc<dyn ObjectStore> {
    let builder = AmazonS3Builder::new()
        .with_endpoint(address)
        .with_allow_http(true)
        .with_virtual_hosted_style_request(false)
        .with_region("us-east-1")
        .with_bucket_name(BUCKET)
        .with_access_key_id(ACCESS_KEY)
        .with_secret_access_key(secret_key);
    Arc::new(builder.build().unwrap())
}

/// A world whose library is in a bucket, and the address of its server.
async fn world() -> (World, String) {
    let world = World::new();
    let address = serve(&world.path("s3")).await;
    let store = bucket(&address, SECRET_KEY);
    let library = Library::open(store, world.path("cache"), limits());
    (World { library, ..world }, address)
}

/// The clip with so much behind it that it is sent in parts. Players skip boxes named `free`.
fn large_clip(world: &World) -> std::path::PathBuf {
    let path = world.path("large.mp4");
    std::fs::copy(bunny(), &path).unwrap();
    let mut file = std::fs::OpenOptions::new().append(true).open(&path).unwrap();
    let size = u32::try_from(PARTS_BYTES_MIN + (5 << 20)).unwrap();
    file.write_all(&size.to_be_bytes()).unwrap();
    file.write_all(b"free").unwrap();
    file.write_all(&vec![7; size as usize - 8]).unwrap();
    path
}

#[tokio::test]
async fn a_video_from_import_to_verification() {
    let (world, _) = world().await;
    let clip = large_clip(&world);
    let source = world.import(&clip).await.unwrap();
    assert!(source.bytes > PARTS_BYTES_MIN as u64);
    let analysis = world.analyse(&source).await;
    assert_eq!(world.analyse(&source).await, analysis);
    artefacts::put(&world.library, source.hash, "note.txt", "once").await.unwrap();
    artefacts::put(&world.library, source.hash, "note.txt", "once").await.unwrap();
    assert!(artefacts::put(&world.library, source.hash, "note.txt", "twice").await.is_err());
    assert_eq!(artefacts::list(&world.library, source.hash).await.unwrap(), ["note.txt"]);

    // Stopped in the middle, and carried on by another process: all it shares is the bucket and the
    // folder of the work.
    let plan = plan(&source, &analysis, None, &target(&[(240, Codec::H264)]));
    let job = world.job();
    let cancel = job.cancel.clone();
    let stop = move |progress| {
        if matches!(progress, Progress::Encoded { frames, .. } if frames > 60) {
            cancel.cancel();
        }
    };
    let stopped = encode::Job { progress: Arc::new(stop), ..job };
    let stopped = encode::run(&world.library, &plan, &stopped).await;
    assert!(matches!(stopped, Err(MediaError::Cancelled)), "{stopped:?}");
    let made = world.run(&plan).await;
    let local = World::new();
    local.import(&clip).await.unwrap();
    local.analyse(&source).await;
    assert_eq!(local.run(&plan).await.hash, made.hash, "the store is no part of the bytes");

    let verified = package::verify(&world.library, source.hash, made.hash).await.unwrap();
    assert_eq!((verified.mismatches, &verified.manifest), (vec![], &made.manifest));
    // One file is gone.
    let lost = &made.manifest.video[0].files[2].path;
    let key = Key::from(format!("videos/{}/{lost}", source.hash));
    world.library.store().delete(&key).await.unwrap();
    let verified = package::verify(&world.library, source.hash, made.hash).await.unwrap();
    assert_eq!(verified.mismatches, [Mismatch::Missing { path: lost.clone() }]);
}

#[tokio::test]
async fn a_damaged_copy_is_fetched_again() {
    let (world, _) = world().await;
    let source = world.import(&bunny()).await.unwrap();
    let analysis = world.analyse(&source).await;
    let plan = plan(&source, &analysis, None, &target(&[(240, Codec::H264)]));
    let copy = world.library.source_file(source.hash).await.unwrap();
    let whole = std::fs::read(&copy).unwrap();
    std::fs::write(&copy, &whole[..whole.len() / 2]).unwrap();
    world.run(&plan).await;
    assert!(std::fs::read(&copy).unwrap() == whole);

    // Where the bucket itself has other bytes, nothing is made of them.
    std::fs::remove_file(&copy).unwrap();
    let key = Key::from(format!("sources/{}", source.hash));
    world.library.store().put(&key, whole[1..].to_vec().into()).await.unwrap();
    let error = encode::run(&world.library, &plan, &world.job()).await.unwrap_err();
    assert!(matches!(error, MediaError::Changed { expected, .. } if expected == source.hash));
    assert!(!error.may_pass_later());
}

#[tokio::test]
async fn ranges_missing_objects_and_strangers() {
    let (world, address) = world().await;
    let source = world.import(&bunny()).await.unwrap();
    let key = Key::from(format!("sources/{}", source.hash));
    let whole = std::fs::read(bunny()).unwrap();
    let range = world.library.store().get_range(&key, 1_000..3_000).await.unwrap();
    assert!(range[..] == whole[1_000..3_000]);

    let nobody = Hash::of(b"never imported");
    assert!(world.library.source(nobody).await.unwrap().is_none());
    assert!(encode::manifest(&world.library, source.hash, nobody).await.unwrap().is_none());
    let error = world.library.source_file(nobody).await.unwrap_err();
    assert!(matches!(error, MediaError::Store(Error::NotFound { .. })), "{error}");
    assert!(!error.may_pass_later());

    let stranger = bucket(&address, "another key");
    let stranger = Library::open(stranger, world.path("stranger"), limits());
    let error = stranger.source(source.hash).await.unwrap_err();
    assert!(error.to_string().contains("SignatureDoesNotMatch"), "{error}");
}
