//! Lighthouse on the web app's pages, offline, against a platform of its own.

use crate::{
    step::{print, root, run, say},
    web::Node24,
};
use anyhow::{Context, Result, bail};
use serde_json::Value;
use std::path::{Path, PathBuf};

/// The version that is installed, beside the app's own packages: it has hundreds of its own, which no build and no test needs.
const PACKAGE: &str = "lighthouse@13.5.0";

/// What is judged, and the least that each must be, where it does not depend on the machine.
const CATEGORIES: [(&str, Option<f64>); 3] =
    [("performance", None), ("accessibility", Some(0.95)), ("best-practices", Some(0.95))];

/// Visits the pages of a platform at this address, prints what each is worth, and fails where one is not worth enough.
pub fn judge(node: &Node24, chromium: &Path, edge: &str) -> Result<()> {
    let program = install(node)?;
    let event = some_event(edge)?;
    let pages = [
        ("discover", "/".to_owned()),
        ("event", format!("/e/{event}")),
        ("checkout", format!("/checkout/{event}")),
        ("login", "/login".to_owned()),
    ];
    let (mut table, mut faults) = (vec![heading()], Vec::new());
    for (name, path) in pages {
        say(&format!("    {name}: {edge}{path}"));
        let report = report(node, &program, chromium, &format!("{edge}{path}"), name)?;
        let scores = scores(&report).with_context(|| format!("the report on {name} has no score"))?;
        let shown: Vec<String> = scores.iter().map(|score| format!("{score:>16.2}")).collect();
        table.push(format!("{name:<10}{}", shown.concat()));
        for ((category, least), score) in CATEGORIES.iter().zip(&scores) {
            if least.is_some_and(|least| *score < least) {
                faults.push(format!("{name}: {category} {score:.2}: {}", lost(&report, category).join(", ")));
            }
        }
    }
    table.iter().for_each(|line| print(line));
    if faults.is_empty() { Ok(()) } else { bail!("too little:\n{}", faults.join("\n")) }
}

fn heading() -> String {
    let names: Vec<String> = CATEGORIES.iter().map(|(name, _)| format!("{name:>16}")).collect();
    format!("{:<10}{}", "page", names.concat())
}

/// Its program, from npm, in a folder of its own.
fn install(node: &Node24) -> Result<PathBuf> {
    let folder = root().join("target/tools/lighthouse");
    let program = folder.join("node_modules/lighthouse/cli/index.js");
    if !program.is_file() {
        say(&format!("    installing {PACKAGE} from npm into target/tools/lighthouse"));
        let mut install = node.npm()?;
        // Nothing of it is run before it is called.
        install.args(["install", "--no-fund", "--no-audit", "--ignore-scripts", PACKAGE, "--prefix"]).arg(&folder);
        run(&mut install).context("npm install failed, which needs the network once")?;
    }
    Ok(program)
}

/// The id of an event that is on sale there.
fn some_event(edge: &str) -> Result<String> {
    let list: Value = ureq::get(format!("{edge}/api/events?limit=1")).call()?.body_mut().read_json()?;
    let id = list.pointer("/items/0/id").and_then(Value::as_str).context("the demo catalog has no event")?;
    Ok(id.to_owned())
}

/// What Lighthouse says of a page, which is left under `target/lighthouse`, too, for people.
fn report(node: &Node24, program: &Path, chromium: &Path, url: &str, name: &str) -> Result<Value> {
    let folder = root().join("target/lighthouse");
    std::fs::create_dir_all(&folder)?;
    let file = folder.join(name);
    let categories: Vec<&str> = CATEGORIES.iter().map(|(name, _)| *name).collect();
    let mut visit = node.command(&[]);
    visit.arg(program).args([url, "--quiet", "--no-enable-error-reporting", "--output=json", "--output=html"]);
    visit.arg(format!("--only-categories={}", categories.join(",")));
    // A container has no sandbox for it, and what it visits is ours.
    visit.arg("--chrome-flags=--headless=new --no-sandbox --disable-dev-shm-usage");
    visit.arg("--output-path").arg(&file).env("CHROME_PATH", chromium);
    run(&mut visit)?;
    let text = std::fs::read_to_string(file.with_extension("report.json"))?;
    Ok(serde_json::from_str(&text)?)
}

/// What each category is worth, from 0 to 1, in their order.
fn scores(report: &Value) -> Option<Vec<f64>> {
    CATEGORIES.iter().map(|(name, _)| report.pointer(&format!("/categories/{name}/score"))?.as_f64()).collect()
}

/// The audits of a category that cost it something.
fn lost(report: &Value, category: &str) -> Vec<String> {
    let parts = report.pointer(&format!("/categories/{category}/auditRefs")).and_then(Value::as_array);
    let counted = parts.into_iter().flatten().filter(|part| part.get("weight").and_then(Value::as_f64) > Some(0.0));
    let audits = counted.filter_map(|part| report.pointer(&format!("/audits/{}", part.get("id")?.as_str()?)));
    let failed = audits.filter(|audit| audit.get("score").and_then(Value::as_f64).is_some_and(|score| score < 1.0));
    failed.filter_map(|audit| Some(audit.get("title")?.as_str()?.to_owned())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_report_says_what_each_category_is_worth_and_what_it_lost_by() {
        let report = json!({
            "categories": {
                "performance": {"score": 0.8},
                "accessibility": {"score": 0.9, "auditRefs": [
                    {"id": "image-alt", "weight": 10}, {"id": "color-contrast", "weight": 7}, {"id": "focus", "weight": 0},
                    {"id": "video", "weight": 3},
                ]},
                "best-practices": {"score": 1},
            },
            "audits": {
                "image-alt": {"title": "Image elements have [alt] attributes", "score": 1},
                "color-contrast": {"title": "Contrast is not sufficient", "score": 0},
                "focus": {"title": "Judged by hand", "score": 0},
                "video": {"title": "There is none", "score": null},
            },
        });
        assert_eq!(scores(&report), Some(vec![0.8, 0.9, 1.0]));
        assert_eq!(lost(&report, "accessibility"), ["Contrast is not sufficient"]);
        assert_eq!(scores(&json!({"categories": {"performance": {"score": null}}})), None);
    }
}
