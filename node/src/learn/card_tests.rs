use super::*;
use crate::learn::registry::tests::example;

#[test]
fn the_card_shows_coefficients_with_odds_noise_intervals_and_groups() {
    let model = example();
    let text = text(&model);
    for wanted in [
        "default-risk: a vertical logistic model of bank.accounts.defaulted",
        "(intercept)",
        "category=home",
        "joint",
        "region = north",
        "ε = 1 at δ = 0.000001",
        "Not revealed",
    ] {
        assert!(text.contains(wanted), "{wanted} is missing in\n{text}");
    }
    // e^0.5
    assert!(text.contains("1.649"), "{text}");
    let document = document(&model);
    assert_eq!(document["coefficients"][1]["value"], 0.5);
    assert_eq!(document["coefficients"][1]["odds"], 0.5f64.exp());
    assert_eq!(document["metrics"][0]["metric"], "auc");
    assert_eq!(document["price"][0]["epsilon"], "1");
}

#[test]
fn learnh_24_figures_of_partners_are_not_taken_for_figures_of_groups() {
    let mut model = example();
    let mut line = model.metrics[0].clone();
    line.group = Some(crate::learn::metrics::customers_of("bank"));
    let mut saved = model.metrics[0].clone();
    (saved.name, saved.group) = (crate::learn::metrics::SAVED.to_owned(), Some("by bank".to_owned()));
    model.metrics.extend([line, saved]);
    let text = text(&model);
    let (groups, partners) = (text.find("By group").unwrap(), text.find("By partner").unwrap());
    let places = ["region = north", "customers of bank", "by bank"].map(|line| text.find(line).unwrap());
    assert!(groups < places[0] && places[0] < partners, "{text}");
    assert!(partners < places[1] && partners < places[2], "{text}");
}

#[test]
fn a_weight_that_is_not_ours_is_on_no_card() {
    let mut model = example();
    model.weights = Held::Own;
    model.coefficients[2].value = None;
    assert!(text(&model).contains("not ours"));
    assert!(page(&model).contains("<td class=\"n\">not ours</td>"));
    assert_eq!(document(&model)["coefficients"][2]["value"], Value::Null);
    assert_eq!(document(&model)["coefficients"][2]["odds"], Value::Null);
}

#[test]
fn without_noise_the_card_says_so_first() {
    let mut model = example();
    model.noise = None;
    let page = page(&model);
    let (warning, table) = (page.find("Trained without noise"), page.find("<table>"));
    assert!(warning.unwrap() < table.unwrap());
    assert!(!page.contains("Differentially private"));
}

#[test]
fn d17_what_a_partner_wrote_stays_a_text_on_the_card() {
    let hostile = "<script>alert(1)</script>\"'&\u{202e}\u{1b}[2J\n<b>";
    let mut model = example();
    model.name = hostile.into();
    model.target = hostile.into();
    model.contract.purpose = hostile.into();
    model.job.toml = format!("name = 'x'\n{hostile}");
    model.untold = vec![hostile.into()];
    model.partners = vec![hostile.into()];
    model.metrics[0].on = hostile.into();
    model.metrics[0].group = Some(hostile.into());
    model.coefficients[1].name = hostile.into();
    model.coefficients[1].owner = hostile.into();
    model.data[0].dataset = hostile.into();
    if let Some(noise) = &mut model.noise {
        noise.mechanism = hostile.into();
    }
    let page = page(&model);
    assert!(!page.contains("<script") && !page.contains("<b>") && !page.contains('\u{202e}'), "{page}");
    assert!(!page.contains('\u{1b}'));
    assert!(page.contains("&lt;script&gt;"));
    let text = text(&model);
    assert!(!text.contains('\u{1b}') && !text.contains('\u{202e}'));
    assert!(!text.lines().any(|line| line.starts_with("<b>")), "a partner's word adds no lines\n{text}");
}

#[test]
fn the_page_needs_nothing_from_elsewhere() {
    let page = page(&example());
    for forbidden in ["<script", "http://", "https://", "src=", "href=", "@import", "url("] {
        assert!(!page.contains(forbidden), "{forbidden}");
    }
    assert!(page.contains("default-src 'none'"));
    assert_eq!(page.matches("<table>").count(), page.matches("</table>").count());
}

#[test]
fn figures_are_rounded_to_be_read_and_not_to_nothing() {
    assert_eq!(
        [rounded(0.5, 4), rounded(-12.345_67, 3), rounded(0.0, 2), rounded(0.000_01, 4), rounded(3e12, 2)],
        ["0.5000", "-12.346", "0.00", "1.00e-5", "3.00e12"]
    );
}
