//! Deleting for good: every version of an object, and the markers that stand for deleted ones.

use aws_sdk_s3::types::{Delete, ObjectIdentifier};

use super::{PAGE, S3Archive};
use crate::aws::fault;
use crate::store::StoreError;

const LIST: &str = "s3:ListBucketVersions";

const DELETE: &str = "s3:DeleteObjectVersion";

impl S3Archive {
    /// At most `limit` versions of objects below `folder`, the present ones among them; none when there is none.
    pub(super) async fn versions(
        &self,
        folder: &str,
        limit: usize,
    ) -> Result<Vec<ObjectIdentifier>, StoreError> {
        let doing = "listing versions of objects";
        let request = self.client.list_object_versions().bucket(&self.bucket).prefix(folder);
        let request = request.max_keys(i32::try_from(PAGE.min(limit)).unwrap_or(1));
        let listed = request.send().await;
        let page = listed.map_err(|error| fault(self.place(doing, LIST), error))?;
        let versions = page.versions.unwrap_or_default().into_iter();
        let markers = page.delete_markers.unwrap_or_default().into_iter();
        let named = versions.map(|it| (it.key, it.version_id));
        let named = named.chain(markers.map(|it| (it.key, it.version_id)));
        let identified = named.filter_map(|(key, version)| Some((key?, version)));
        let identified = identified.map(|(key, version)| {
            let named = ObjectIdentifier::builder().key(key).set_version_id(version).build();
            named.map_err(|error| StoreError::Broken { doing, source: error.into() })
        });
        identified.collect()
    }

    /// Deletes these versions, and answers how many. A request that succeeds may still have left some.
    pub(super) async fn delete_versions(
        &self,
        doomed: Vec<ObjectIdentifier>,
    ) -> Result<usize, StoreError> {
        let (doing, count) = ("deleting objects", doomed.len());
        let broken = |error| StoreError::Broken { doing, source: Box::new(error) };
        let delete = Delete::builder().set_objects(Some(doomed)).quiet(true);
        let delete = delete.build().map_err(broken)?;
        let request = self.client.delete_objects().bucket(&self.bucket).delete(delete);
        let deleted = request.send().await;
        let answer = deleted.map_err(|error| fault(self.place(doing, DELETE), error))?;
        let left = answer.errors.unwrap_or_default();
        let Some(first) = left.first() else { return Ok(count) };
        let code = first.code().unwrap_or_default();
        let source = format!("{DELETE} on {}: {} of {count}: {code}", self.bucket, left.len());
        Err(match code {
            "AccessDenied" => StoreError::Broken { doing, source: source.into() },
            _ => StoreError::Unavailable { doing, source: source.into() },
        })
    }
}
