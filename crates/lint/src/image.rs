//! Images that change under their name.

use crate::code::LintCode;
use crate::finding::Findings;
use crate::pod::Pod;

pub(crate) fn judge(pod: &Pod<'_>, findings: &mut Findings) {
    for container in pod.lasting() {
        let field = container.at("image");
        let image = field.written().unwrap_or_default();
        let what = match tag(image) {
            Tag::Fixed => continue,
            Tag::Latest => "has the tag latest",
            Tag::Absent => "has no tag, which means latest",
        };
        // An image may be left out of a template that something else completes.
        if image.is_empty() {
            continue;
        }
        let name = container.name;
        let message = format!("the image {image} of container \"{name}\" {what}");
        findings
            .add(LintCode::MutableImage, &field, message)
            .of_container(name);
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Tag {
    /// A digest, or a tag other than `latest`.
    Fixed,
    Latest,
    Absent,
}

fn tag(image: &str) -> Tag {
    if image.contains('@') {
        return Tag::Fixed;
    }
    // A colon before the last slash belongs to the port of the registry.
    let name = image.rsplit('/').next().unwrap_or(image);
    match name.split_once(':') {
        Some((_, "latest")) => Tag::Latest,
        Some((_, "")) | None => Tag::Absent,
        Some(_) => Tag::Fixed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_is_what_follows_the_last_colon_of_the_name() {
        for (image, expected) in [
            ("nginx", Tag::Absent),
            ("nginx:", Tag::Absent),
            ("nginx:1.27", Tag::Fixed),
            ("nginx:latest", Tag::Latest),
            ("registry:5000/nginx", Tag::Absent),
            ("registry:5000/nginx:latest", Tag::Latest),
            ("registry:5000/nginx:1.27", Tag::Fixed),
            ("nginx@sha256:abc", Tag::Fixed),
            ("nginx:latest@sha256:abc", Tag::Fixed),
            ("nginx:latest-alpine", Tag::Fixed),
        ] {
            assert_eq!(tag(image), expected, "{image}");
        }
    }
}
