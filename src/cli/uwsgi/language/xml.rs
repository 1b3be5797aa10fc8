//! XML: an element `<uwsgi>`, and in it one for each option.

use roxmltree::{Document, Node};

use super::text::{Pair, Text};
use crate::cli::Result;

/// The options of the element <uwsgi> that is the root, or the first below it whose id is `id`, where both say one. An option
/// with another id is left out.
pub(super) fn read(text: &Text, id: Option<&str>) -> Result<Vec<Pair>> {
    let document = Document::parse(text.whole()?).map_err(|error| {
        let line = usize::try_from(error.pos().row).unwrap_or(1);
        text.fault(line, &format!("it is no XML: {error}"))
    })?;
    let line =
        |node: Node<'_, '_>| usize::try_from(document.text_pos_at(node.range().start).row).unwrap_or(1);
    let is_other =
        |node: &Node<'_, '_>| id.zip(node.attribute("id")).is_some_and(|(asked, own)| asked != own);
    let root = document.root_element();
    let mut below = root.children().filter(|node| node.has_tag_name("uwsgi") && !is_other(node));
    let found = if root.has_tag_name("uwsgi") { Some(root) } else { below.next() };
    let Some(options) = found else {
        let which = id.map_or(String::new(), |id| format!(" with the id {id:?}"));
        return Err(text.fault(line(root), &format!("there is no element <uwsgi>{which}")));
    };
    let mut pairs = Vec::new();
    for option in options.children().filter(|node| node.is_element() && !is_other(node)) {
        let line = line(option);
        let mut push = |name: &str, value: String| pairs.push(Pair { line, name: name.to_owned(), value });
        match option.tag_name().name() {
            "app" => {
                if let Some(mount) = mount(option) {
                    push("mount", mount);
                }
                push("app", String::new());
            }
            name => match option.first_child() {
                None => push(name, "1".to_owned()),
                Some(child) if child.is_text() => push(name, child.text().unwrap_or_default().to_owned()),
                Some(_) => return Err(text.fault(line, &format!("<{name}> takes a text, and no element"))),
            },
        }
    }
    Ok(pairs)
}

/// What an <app> with a mountpoint or a domain says: its own text, or that of the element in it.
fn mount(app: Node<'_, '_>) -> Option<String> {
    let inner = app.children().find(Node::is_element).unwrap_or(app);
    let what = inner.first_child()?.text()?;
    Some(match (app.attribute("mountpoint"), app.attribute("domain")) {
        (Some(prefix), _) => format!("{prefix}={what}"),
        (None, Some(domain)) => format!("{domain}|={what}"),
        (None, None) => what.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(xml: &str, id: Option<&str>) -> std::result::Result<Vec<(usize, String, String)>, String> {
        let text = Text::plain("a.xml", xml.as_bytes());
        let pairs = read(&text, id).map_err(|error| error.to_string())?;
        Ok(pairs.into_iter().map(|pair| (pair.line, pair.name, pair.value)).collect())
    }

    fn owned(pairs: &[(usize, &str, &str)]) -> Vec<(usize, String, String)> {
        pairs.iter().map(|(line, name, value)| (*line, (*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn options_are_elements() {
        let xml = "<uwsgi>\n<master/><env>A=1</env>\n<env> a&amp;b <!-- c --> </env>\n<app mountpoint=\"/x\"><script>y</script></app></uwsgi>";
        let want = [
            (2, "master", "1"),
            (2, "env", "A=1"),
            (3, "env", " a&b "),
            (4, "mount", "/x=y"),
            (4, "app", ""),
        ];
        assert_eq!(pairs(xml, None).unwrap(), owned(&want));
    }

    #[test]
    fn an_id_chooses() {
        let xml = "<all><uwsgi id='a'><x>1</x></uwsgi><uwsgi id='b'><x>2</x><y id='a'>3</y><y id='b'>4</y></uwsgi></all>";
        assert_eq!(pairs(xml, Some("b")).unwrap(), owned(&[(1, "x", "2"), (1, "y", "4")]));
        assert_eq!(pairs(xml, None).unwrap(), owned(&[(1, "x", "1")]));
        assert_eq!(
            pairs(xml, Some("c")).unwrap_err(),
            "a.xml:1: there is no element <uwsgi> with the id \"c\""
        );
    }

    #[test]
    fn what_will_not_do_says_where_and_why() {
        for (xml, want) in [
            ("<uwsgi>\n</a>", "a.xml:2: it is no XML"),
            ("<uwsgi>\n\n<a><b/></a></uwsgi>", "a.xml:3: <a> takes a text"),
            ("<!DOCTYPE x [<!ENTITY a 'b'>]><uwsgi/>", "a.xml:1: it is no XML"),
            ("", "a.xml:1: it is no XML"),
        ] {
            let error = pairs(xml, None).unwrap_err();
            assert!(error.starts_with(want), "{xml}: {error}");
        }
    }
}
