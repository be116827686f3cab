//! Pages, served until told to stop.

use std::net::SocketAddr;

use anyhow::Context;
use axum::Router;
use shared::worker::Shutdown;
use tokio::net::TcpListener;

use crate::BadUse;

/// Listens at `addr`; a port that is taken is bad use, not a failure of ours.
pub(crate) async fn listen(addr: SocketAddr) -> anyhow::Result<(TcpListener, SocketAddr)> {
    let taken = |error| {
        BadUse(format!("cannot listen on {addr}: {error}; name another address with --listen"))
    };
    let listener = TcpListener::bind(addr).await.map_err(taken)?;
    let addr = listener.local_addr().context("asking for the address we listen on")?;
    Ok((listener, addr))
}

/// Serves `router` until told to stop.
pub(crate) async fn serve(listener: TcpListener, router: Router, mut shutdown: Shutdown) {
    let told = async move { shutdown.told().await };
    if let Err(error) = axum::serve(listener, router).with_graceful_shutdown(told).await {
        tracing::error!(%error, "The pages are not served any more");
    }
}
