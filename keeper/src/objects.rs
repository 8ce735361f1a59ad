//! Published files: a folder, or a bucket.

use std::{path::Path, sync::Arc};

use object_store::{ObjectStore, aws::AmazonS3Builder, local::LocalFileSystem};

use crate::config::ObjectsConfig;

/// Folder of published files in the data folder.
pub const FOLDER: &str = "objects";

/// Where batches are published: the bucket, or [`FOLDER`] in the data folder.
pub fn open(config: &ObjectsConfig, data: &Path) -> anyhow::Result<Arc<dyn ObjectStore>> {
    if let Some(bucket) = &config.s3_bucket {
        let mut builder = AmazonS3Builder::from_env().with_bucket_name(bucket);
        if let Some(region) = &config.aws_region {
            builder = builder.with_region(region);
        }
        if let Some(endpoint) = &config.s3_endpoint {
            builder = builder
                .with_endpoint(endpoint.as_str().trim_end_matches('/'))
                .with_allow_http(endpoint.scheme() == "http");
        }
        return Ok(Arc::new(builder.build()?));
    }
    let folder = data.join(FOLDER);
    std::fs::create_dir_all(&folder)?;
    Ok(Arc::new(LocalFileSystem::new_with_prefix(folder)?.with_fsync(true)))
}
