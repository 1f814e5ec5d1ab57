//! What holds for any text at all.

use proptest::prelude::*;
use unicode_normalization::is_nfc;

use super::*;

type Apply = for<'a> fn(&'a str, &'a mut String) -> Option<&'a str>;

fn apply(function: Apply, text: &str) -> Option<String> {
    function(text, &mut String::from("left over")).map(str::to_owned)
}

fn is_clean(name: &str) -> bool {
    name.split(' ').all(|word| !word.is_empty() && word.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit()))
}

fn check(text: &str) -> Result<(), TestCaseError> {
    let functions: [Apply; 5] = [strip_accents, strip_punctuation, transliterate, clean_name, nickname];
    for (i, function) in functions.into_iter().enumerate() {
        if let Some(form) = apply(function, text) {
            prop_assert!(i == 4 || !form.trim().is_empty());
            prop_assert_eq!(apply(function, &form), Some(form.clone()), "function {} gives another form of its own", i);
        }
    }
    prop_assert!(apply(transliterate, text).is_none_or(|latin| latin.is_ascii()));
    prop_assert!(apply(clean_name, text).is_none_or(|name| is_clean(&name)));
    prop_assert!(text.is_ascii() || apply(strip_accents, text).is_none_or(|form| is_nfc(&form)));
    let steps = apply(transliterate, text).and_then(|latin| apply(strip_punctuation, &latin.to_lowercase()));
    prop_assert_eq!(apply(clean_name, text), steps);
    let codes: [Apply; 4] = [soundex, double_metaphone, nysiis, cologne_phonetic];
    for code in codes {
        let code = apply(code, text);
        prop_assert!(code.is_none_or(|code| !code.is_empty() && code.bytes().all(|b| b.is_ascii_alphanumeric())));
    }
    Ok(())
}

proptest! {
    #[test]
    fn any_text_is_survived_and_forms_stay(text in any::<String>()) {
        check(&text)?;
    }

    #[test]
    fn so_are_texts_like_names(
        text in prop_oneof![
            "[A-Za-z'. -]{0,20}",
            "[A-ZÀ-ÿĞğİıŞşßøł'’. -]{0,20}",
            "[Α-ώἀ-ῼ\u{300}-\u{308} ]{0,20}",
            "[А-яЁёЄєІіЇїҐґ' ]{0,20}",
            "[\u{622}-\u{652}\u{670}\u{671}\u{67e}\u{686}\u{698}\u{6a9}\u{6af}\u{6cc}\u{200c}\u{fb50}-\u{fefe} ]{0,20}",
            "[\u{5b0}-\u{5ea} ]{0,20}",
            "[ऀ-ॿ가-힣一-龥ぁ-ヿ👑-👿\u{fe0f}\u{200d}]{0,20}",
        ]
    ) {
        check(&text)?;
    }

    /// Codes look ahead and back by several letters, from every place of a word.
    #[test]
    fn codes_survive_all_kinds_of_letters(text in "([A-Z]{1,3}|SCH|CH|CC|GH|WICZ|EWSKI|VAN |MC|X|J|-| ){0,12}") {
        check(&text)?;
    }
}
