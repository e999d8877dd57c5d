//! The server of Kubernetes' API, with its database, as processes of a test's own.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Weak};

use kube::api::{ApiResource, DynamicObject, Patch, PatchParams};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::core::GroupVersionKind;
use kube::{Api, Client, Config};
use test_support::{free_port, until};
use tokio::sync::Mutex;

/// Namespaces of tests. Each has a service account of the control plane, whose token is its name.
const NAMESPACES: [&str; 8] = ["refused", "good", "bad", "killed", "people", "away", "superseded", "twice"];
/// The token of who may do everything.
const ADMIN: &str = "admin-of-this-test";

pub struct Server {
    folder: tempfile::TempDir,
    database: Child,
    database_port: u16,
    api: std::sync::Mutex<Option<Child>>,
    port: u16,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
        _ = self.database.kill();
        _ = self.database.wait();
    }
}

fn program(name: &str) -> PathBuf {
    let folder = std::env::var("MARQUEE_TEST_KUBERNETES_BIN").expect(
        "MARQUEE_TEST_KUBERNETES_BIN is not set: `cargo xtask test infra` builds a server of Kubernetes' API, and sets it",
    );
    Path::new(&folder).join(name)
}

fn spawn(command: &mut Command, log: &Path) -> Child {
    let log = std::fs::File::create(log).unwrap();
    command.stdout(Stdio::null()).stderr(log).stdin(Stdio::null()).spawn().unwrap()
}

impl Server {
    /// The one that tests share while one of them runs.
    pub async fn shared() -> Arc<Self> {
        static SHARED: Mutex<Weak<Server>> = Mutex::const_new(Weak::new());
        let mut shared = SHARED.lock().await;
        if let Some(server) = shared.upgrade() {
            return server;
        }
        let server = Arc::new(Self::start().await);
        *shared = Arc::downgrade(&server);
        server
    }

    /// One with the definition of the resource.
    pub async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let key = rcgen::KeyPair::generate().unwrap();
        std::fs::write(folder.path().join("accounts.key"), key.serialize_pem()).unwrap();
        std::fs::write(folder.path().join("accounts.pub"), key.public_key_pem()).unwrap();
        let account = |namespace: &&str| {
            let user = format!("system:serviceaccount:{namespace}:marquee-control");
            format!("{namespace}-0123456789,{user},{namespace},\"system:serviceaccounts,system:serviceaccounts:{namespace}\"\n")
        };
        let accounts: String = NAMESPACES.iter().map(account).collect();
        std::fs::write(folder.path().join("tokens.csv"), format!("{ADMIN},admin,admin,system:masters\n{accounts}")).unwrap();
        let (database_port, peers, port) = (free_port(), free_port(), free_port());
        let (clients, peers) = (format!("http://127.0.0.1:{database_port}"), format!("http://127.0.0.1:{peers}"));
        let mut database = Command::new(program("etcd"));
        database.arg("--data-dir").arg(folder.path().join("etcd")).arg("--unsafe-no-fsync").args([
            &format!("--listen-client-urls={clients}"),
            &format!("--advertise-client-urls={clients}"),
            &format!("--listen-peer-urls={peers}"),
            &format!("--initial-advertise-peer-urls={peers}"),
            &format!("--initial-cluster=default={peers}"),
        ]);
        let database = spawn(&mut database, &folder.path().join("etcd.log"));
        let server = Self { folder, database, database_port, api: std::sync::Mutex::default(), port };
        server.launch().await;
        server.apply(&kubernetes::definition().unwrap()).await;
        server.until_defined().await;
        server
    }

    /// Starts the server itself, and waits until it answers.
    pub async fn launch(&self) {
        let within = |name: &str| self.folder.path().join(name).display().to_string();
        let mut api = Command::new(program("kube-apiserver"));
        api.args([
            format!("--etcd-servers=http://127.0.0.1:{}", self.database_port),
            format!("--service-account-key-file={}", within("accounts.pub")),
            format!("--service-account-signing-key-file={}", within("accounts.key")),
            format!("--token-auth-file={}", within("tokens.csv")),
            format!("--cert-dir={}", within("certificates")),
            format!("--secure-port={}", self.port),
            "--bind-address=127.0.0.1".to_owned(),
            "--service-account-issuer=https://kubernetes.default.svc".to_owned(),
            "--service-cluster-ip-range=10.96.0.0/24".to_owned(),
            "--authorization-mode=RBAC".to_owned(),
        ]);
        *self.api.lock().unwrap() = Some(spawn(&mut api, &self.folder.path().join("api.log")));
        until("the server of Kubernetes' API answers", async || {
            let certificate = self.folder.path().join("certificates/apiserver.crt").exists();
            if !certificate {
                return None;
            }
            let ready = http::Request::get("/readyz").body(Vec::new()).unwrap();
            self.client().await.request_text(ready).await.ok().filter(|text| text == "ok")
        })
        .await;
    }

    /// As a power cut does. Its database stays.
    pub fn kill(&self) {
        if let Some(mut api) = self.api.lock().unwrap().take() {
            api.kill().unwrap();
            api.wait().unwrap();
        }
    }

    async fn config_of(&self, token: &str, namespace: &str) -> Config {
        let text = serde_json::json!({
            "apiVersion": "v1", "kind": "Config", "current-context": "it",
            "clusters": [{ "name": "it", "cluster": {
                "server": format!("https://127.0.0.1:{}", self.port),
                "certificate-authority": self.folder.path().join("certificates/apiserver.crt"),
            } }],
            "users": [{ "name": "it", "user": { "token": token } }],
            "contexts": [{ "name": "it", "context": { "cluster": "it", "user": "it", "namespace": namespace } }],
        });
        let file = Kubeconfig::from_yaml(&text.to_string()).unwrap();
        Config::from_custom_kubeconfig(file, &KubeConfigOptions::default()).await.unwrap()
    }

    /// As the control plane of a namespace has it.
    pub async fn config(&self, namespace: &str) -> Config {
        self.config_of(&format!("{namespace}-0123456789"), namespace).await
    }

    /// Somebody who may do everything.
    pub async fn client(&self) -> Client {
        Client::try_from(self.config_of(ADMIN, "default").await).unwrap()
    }

    /// A namespace with the rights that the manifest gives.
    pub async fn namespace(&self, name: &str) {
        self.apply(&format!("apiVersion: v1\nkind: Namespace\nmetadata:\n  name: {name}\n")).await;
        let manifest = std::fs::read_to_string(test_support::root().join("infra/kubernetes/rights.yaml")).unwrap();
        self.apply(&manifest.replace("namespace: marquee\n", &format!("namespace: {name}\n"))).await;
    }

    /// As `kubectl apply --server-side` does.
    pub async fn apply(&self, manifests: &str) {
        for text in manifests.split("\n---\n") {
            let object: DynamicObject = serde_saphyr::from_str(text).unwrap();
            let types = object.types.clone().unwrap();
            let (group, version) = types.api_version.split_once('/').unwrap_or(("", &types.api_version));
            let resource = ApiResource::from_gvk(&GroupVersionKind::gvk(group, version, &types.kind));
            let client = self.client().await;
            let api: Api<DynamicObject> = match &object.metadata.namespace {
                Some(namespace) => Api::namespaced_with(client, namespace, &resource),
                None => Api::all_with(client, &resource),
            };
            let parameters = PatchParams { force: true, ..PatchParams::apply("tests") };
            api.patch(object.metadata.name.as_ref().unwrap(), &parameters, &Patch::Apply(&object)).await.unwrap();
        }
    }

    async fn until_defined(&self) {
        until("the resource is defined", async || {
            let objects = crate::objects(&self.client().await, "default");
            objects.list(&kube::api::ListParams::default()).await.ok()
        })
        .await;
    }
}
