//! Letters that `any_ascii` writes otherwise than names are written, or than others write the same name.

use super::super::accents::is_accent;

/// What is written for a character, if not what `any_ascii` has.
#[expect(clippy::match_same_arms, reason = "each line says why it is there")]
pub(super) fn written(c: char) -> Option<&'static str> {
    Some(match c {
        c if is_accent(c) => "",
        // Azerbaijan's passports: Əliyev is Aliyev. any_ascii has e.
        'Ə' => "A",
        'ə' => "a",
        // Catalan's Gal·la is one word. any_ascii has a hyphen.
        '·' => "",
        // Arabic alef, alone and with hamza, madda or wasla: any_ascii has nothing for some, so that Ahmad would be hmd.
        '\u{622}' | '\u{623}' | '\u{625}' | '\u{627}' | '\u{671}'..='\u{673}' | '\u{675}' => "a",
        // Waw and yeh with hamza, which many leave out. any_ascii has u' and i'.
        '\u{624}' => "w",
        '\u{626}' => "y",
        // Ain, mostly heard as a vowel: Ali, Abbas, Said. any_ascii has a grave accent.
        '\u{639}' => "a",
        // Yeh without dots: Egypt's yeh at the end of words, and an old Persian one. any_ascii has a.
        '\u{649}' => "y",
        // Zah: Nizam, Zahir. any_ascii has dh.
        '\u{638}' => "z",
        // Heh with yeh above, at the end of Persian words. any_ascii has e.
        '\u{6c0}' => "h",
        // Vowel points and marks of recitation, which most writers leave out. any_ascii has vowels for some.
        '\u{610}'..='\u{61a}' | '\u{64b}'..='\u{65f}' | '\u{670}' => "",
        '\u{6d6}'..='\u{6dc}' | '\u{6df}'..='\u{6e8}' | '\u{6ea}'..='\u{6ed}' => "",
        '\u{fc5e}'..='\u{fc63}' | '\u{fe70}'..='\u{fe7f}' => "",
        // Hebrew alef and ayin: Avraham, Ezra. any_ascii has an apostrophe and a grave accent.
        '\u{5d0}' | '\u{5e2}' => "a",
        // Shin: Moshe, Shlomo. any_ascii has s.
        '\u{5e9}' => "sh",
        // Hebrew points, as the Arabic ones.
        '\u{5b0}'..='\u{5bd}' | '\u{5bf}' | '\u{5c1}' | '\u{5c2}' | '\u{5c4}' | '\u{5c5}' | '\u{5c7}' => "",
        _ => return None,
    })
}

/// An Arabic letter in the shape that it takes in one place of a word, or several letters grown together, as old software
/// stores them.
pub(super) fn is_shape(c: char) -> bool {
    matches!(c, '\u{fb50}'..='\u{fdff}' | '\u{fe80}'..='\u{fefc}')
}
