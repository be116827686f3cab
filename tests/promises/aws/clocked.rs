//! Requests that bring the world's time along, and answers that bring back what was waited meanwhile.

use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient,
    SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use shared::clock::{Clock, Timestamp};

/// What `local_aws.py` reads and writes.
const HEADER: &str = "x-fanmail-now";

/// An HTTP client for queues, in the time of `clock`.
#[derive(Debug)]
pub(super) struct Clocked {
    pub(super) inner: SharedHttpClient,
    pub(super) clock: Clock,
}

#[derive(Debug)]
struct Connector {
    inner: SharedHttpConnector,
    clock: Clock,
}

impl HttpClient for Clocked {
    fn http_connector(
        &self,
        settings: &HttpConnectorSettings,
        components: &RuntimeComponents,
    ) -> SharedHttpConnector {
        let inner = self.inner.http_connector(settings, components);
        SharedHttpConnector::new(Connector { inner, clock: self.clock.clone() })
    }
}

impl HttpConnector for Connector {
    fn call(&self, mut request: HttpRequest) -> HttpConnectorFuture {
        request.headers_mut().insert(HEADER, self.clock.now().millis().to_string());
        let (answer, clock) = (self.inner.call(request), self.clock.clone());
        HttpConnectorFuture::new(async move {
            let answer = answer.await?;
            let then = answer.headers().get(HEADER).and_then(|millis| millis.parse().ok());
            let then = then.map_or(clock.now(), Timestamp::from_millis);
            clock.advance(then.since(clock.now()));
            Ok(answer)
        })
    }
}
