//! Serves an application with nothing around the runtime: no edge, no database. For measuring what the runtime costs.
//!
//! `cargo xtask bench serve host/runtime/fixtures/spin.toml 127.0.0.1:3000`, then load
//! `http://127.0.0.1:3000/hello`, beside `wasmtime serve` with the same wasm.

use capabilities::Bindings;
use contracts::BodyError;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Either, Full};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use manifest::{Manifest, VariableSources};
use runtime::{Application, Cache, Engine, Loader, Mode, ResponseBody};
use std::convert::Infallible;
use std::error::Error;
use std::sync::Arc;
use tokio::net::TcpListener;

type Body = Either<ResponseBody, Full<Bytes>>;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = benches::arguments();
    let manifest = arguments.next().ok_or("which manifest?")?;
    let address = arguments.next().ok_or("which address?")?;
    let manifest = Manifest::load(&benches::repository().join(&manifest), &VariableSources::from_environment())?;
    let loader = Arc::new(Loader::new(Engine::new()?, Cache::none()));
    let application = Application::new(loader.load(manifest, Mode::Native).await?, Bindings::default());
    let listener = TcpListener::bind(address).await?;
    loop {
        let (connection, _) = listener.accept().await?;
        connection.set_nodelay(true)?;
        let application = Arc::clone(&application);
        tokio::spawn(async move {
            let service = service_fn(move |request| answer(Arc::clone(&application), request));
            // A client that goes away is no news.
            let _ = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(connection), service).await;
        });
    }
}

async fn answer(application: Arc<Application>, request: Request<Incoming>) -> Result<Response<Body>, Infallible> {
    let Ok(route) = application.routes().find(request.method(), request.uri().path()) else {
        return Ok(plain(StatusCode::NOT_FOUND, "nothing here\n"));
    };
    let request = request.map(|body| body.map_err(BodyError::new).boxed_unsync());
    Ok(match application.handle(&route.component, request).await {
        Ok(response) => response.map(Either::Left),
        Err(failure) => plain(failure.status(), failure.label()),
    })
}

fn plain(status: StatusCode, text: &'static str) -> Response<Body> {
    let mut response = Response::new(Either::Right(Full::new(Bytes::from_static(text.as_bytes()))));
    *response.status_mut() = status;
    response
}
