//! Deleting for good: every version of an object, and the markers that stand for deleted ones.

use aws_sdk_s3::operation::list_object_versions::ListObjectVersionsOutput;
use aws_sdk_s3::types::{Delete, ObjectIdentifier};

use super::{PAGE, S3Archive};
use crate::archive::key::is_below;
use crate::aws::fault;
use crate::store::StoreError;

const LIST: &str = "s3:ListBucketVersions";

const DELETE: &str = "s3:DeleteObjectVersion";

/// Where a listing of versions goes on: behind a version of a key.
#[derive(Default)]
struct Marker {
    key: Option<String>,
    version: Option<String>,
}

impl Marker {
    /// Where the next page begins; `None` when this is the last.
    fn behind(page: &ListObjectVersionsOutput) -> Option<Self> {
        let (key, version) = (page.next_key_marker.clone(), page.next_version_id_marker.clone());
        page.is_truncated().unwrap_or_default().then_some(Self { key, version })
    }
}

impl S3Archive {
    /// At most `limit` versions of objects below `place`, the present ones among them; none when there is none.
    pub(super) async fn versions(
        &self,
        place: &str,
        limit: usize,
    ) -> Result<Vec<ObjectIdentifier>, StoreError> {
        let mut marker = Some(Marker::default());
        // A page may hold nothing but what only begins alike.
        while let Some(after) = marker {
            let page = self.page_of_versions(place, None, PAGE.min(limit), after).await?;
            marker = Marker::behind(&page);
            let found = identified(place, page)?;
            if !found.is_empty() {
                return Ok(found);
            }
        }
        Ok(Vec::new())
    }

    /// The folders in which versions of objects are.
    pub(super) async fn folders_of_versions(
        &self,
        folder: &str,
    ) -> Result<Vec<String>, StoreError> {
        let (mut folders, mut marker) = (Vec::new(), Some(Marker::default()));
        while let Some(after) = marker {
            let page = self.page_of_versions(folder, Some("/"), PAGE, after).await?;
            marker = Marker::behind(&page);
            let common = page.common_prefixes.unwrap_or_default().into_iter();
            folders.extend(common.filter_map(|common| common.prefix));
        }
        // A store that speaks S3 may tell the last folder of a page again on the next, for what is in it goes on.
        folders.dedup();
        Ok(folders)
    }

    async fn page_of_versions(
        &self,
        prefix: &str,
        delimiter: Option<&str>,
        limit: usize,
        after: Marker,
    ) -> Result<ListObjectVersionsOutput, StoreError> {
        let request = self.client.list_object_versions().bucket(&self.bucket).prefix(prefix);
        let request = request.max_keys(i32::try_from(limit).unwrap_or(1));
        let request = request.set_delimiter(delimiter.map(str::to_owned));
        let request = request.set_key_marker(after.key).set_version_id_marker(after.version);
        let listed = request.send().await;
        listed.map_err(|error| fault(self.place("listing versions of objects", LIST), error))
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

/// What a page names below `place`.
fn identified(
    place: &str,
    page: ListObjectVersionsOutput,
) -> Result<Vec<ObjectIdentifier>, StoreError> {
    let doing = "listing versions of objects";
    let versions = page.versions.unwrap_or_default().into_iter().map(|it| (it.key, it.version_id));
    let markers = page.delete_markers.unwrap_or_default().into_iter();
    let named = versions.chain(markers.map(|it| (it.key, it.version_id)));
    let named = named.filter_map(|(key, version)| Some((key?, version)));
    let below = named.filter(|(key, _)| is_below(place, key));
    let identified = below.map(|(key, version)| {
        let named = ObjectIdentifier::builder().key(key).set_version_id(version).build();
        named.map_err(|error| StoreError::Broken { doing, source: error.into() })
    });
    identified.collect()
}
