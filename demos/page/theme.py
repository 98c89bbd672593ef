"""The look: a calm studio instrument. One warm amber accent, neutral light and dark modes, one family of fonts.

Colours and fonts of Gradio's own widgets are set here; `assets/style.css` does the rest. Scripts of the
whole page, too, are put into its head here.
"""

from pathlib import Path

import gradio as gr

ASSETS = Path(__file__).parents[2] / "assets"

AMBER = gr.themes.Color(
    name="amber",
    c50="#fff8eb", c100="#fdecc8", c200="#fad994", c300="#f6c05c", c400="#f0a53a",
    c500="#e08a1e", c600="#bd6b12", c700="#975012", c800="#7a4116", c900="#663716", c950="#3b1c08",
)  # fmt: skip
STONE = gr.themes.Color(
    name="stone",
    c50="#f7f7f6", c100="#efefed", c200="#e2e2df", c300="#cdcdc9", c400="#9c9d9b",
    c500="#74767a", c600="#54575c", c700="#3a3d42", c800="#25282c", c900="#1a1c20", c950="#121417",
)  # fmt: skip

_SCRIPTS = [(ASSETS / name).read_text(encoding="utf-8") for name in ("link.js", "keys.js")]
HEAD = """
<meta name="theme-color" content="#16181c"><meta name="color-scheme" content="light dark">
<style>
@media (prefers-reduced-motion: no-preference) { html { scroll-behavior: smooth; } }
@media (max-width: 720px) {
  footer button:not(.hidden) { display: flex !important; align-items: center; min-height: 40px; }
}
</style>
""" + "".join(
    f"<script>{script}</script>" for script in _SCRIPTS
)  # the style is of what stands outside the scope that Gradio gives assets/style.css


def css_path() -> Path:
    return ASSETS / "style.css"


def icon_path() -> Path:
    return ASSETS / "icon.png"


def header_html(lessons: bool = False) -> str:
    """The page's top line, with the icon drawn inline; and, where there are lessons, a link to their list."""
    onward = '<a class="to-lessons" href="#lessons">Lessons</a>' if lessons else ""
    icon = (ASSETS / "icon.svg").read_text(encoding="utf-8")
    return (
        f'<header class="masthead">{icon}<h1>Resound</h1>'
        "<p>A prior says what audio sounds like, an observation what was measured; "
        "a sampler draws what agrees with both.</p>"
        f'{onward}<span class="copied" role="status"></span>'
        '<button type="button" class="copy-link" onclick="resoundLink.copy(this)">Copy link</button></header>'
    )


def build() -> gr.themes.Base:
    family = [gr.themes.LocalFont("IBM Plex Sans", weights=(400, 700)), "system-ui", "sans-serif"]
    theme = gr.themes.Base(
        primary_hue=AMBER,
        secondary_hue=STONE,
        neutral_hue=STONE,
        text_size=gr.themes.sizes.text_sm,
        spacing_size=gr.themes.sizes.spacing_md,
        radius_size=gr.themes.sizes.radius_md,
        font=family,
        font_mono=family,
    )
    return theme.set(
        body_background_fill="*neutral_50",
        body_background_fill_dark="*neutral_950",
        body_text_color="*neutral_900",
        body_text_color_dark="*neutral_100",
        body_text_color_subdued="*neutral_600",
        body_text_color_subdued_dark="*neutral_400",
        background_fill_primary="#ffffff",
        background_fill_primary_dark="*neutral_900",
        background_fill_secondary="*neutral_100",
        background_fill_secondary_dark="*neutral_800",
        block_background_fill="transparent",
        block_background_fill_dark="transparent",
        block_border_width="0px",
        block_border_width_dark="0px",
        block_padding="0px",
        block_shadow="none",
        block_label_background_fill="transparent",
        block_label_background_fill_dark="transparent",
        block_label_text_color="*body_text_color_subdued",
        block_label_text_color_dark="*body_text_color_subdued",
        block_title_text_color="*body_text_color_subdued",
        block_title_text_color_dark="*body_text_color_subdued",
        block_title_text_weight="400",
        block_info_text_size="12px",
        border_color_primary="*neutral_200",
        border_color_primary_dark="*neutral_800",
        border_color_accent="*primary_400",
        border_color_accent_dark="*primary_400",
        color_accent="*primary_500",
        input_background_fill="#ffffff",
        input_background_fill_dark="*neutral_950",
        input_border_color="*neutral_300",
        input_border_color_dark="*neutral_700",
        input_border_width="1px",
        input_border_color_focus="*primary_500",
        input_border_color_focus_dark="*primary_400",
        input_shadow="none",
        input_shadow_focus="0 0 0 3px color-mix(in srgb, *primary_400 25%, transparent)",
        input_shadow_focus_dark="0 0 0 3px color-mix(in srgb, *primary_400 25%, transparent)",
        button_primary_background_fill="*primary_400",
        button_primary_background_fill_hover="*primary_300",
        button_primary_background_fill_dark="*primary_400",
        button_primary_background_fill_hover_dark="*primary_300",
        button_primary_text_color="*neutral_950",
        button_primary_text_color_dark="*neutral_950",
        button_secondary_background_fill="*neutral_100",
        button_secondary_background_fill_hover="*neutral_200",
        button_secondary_background_fill_dark="*neutral_800",
        button_secondary_background_fill_hover_dark="*neutral_700",
        button_secondary_text_color="*neutral_800",
        button_secondary_text_color_dark="*neutral_100",
        checkbox_background_color_selected="*primary_500",
        checkbox_background_color_selected_dark="*primary_400",
        checkbox_label_background_fill="transparent",
        checkbox_label_background_fill_dark="transparent",
        slider_color="*primary_400",
        slider_color_dark="*primary_400",
        loader_color="*primary_400",
        layout_gap="16px",
        form_gap_width="0px",
    )
