"""The front door: builds the tabs, sets limits, launches. No audio, no maths.

HOST and PORT say where to listen (default 127.0.0.1:7860), RESOUND_HOSTS and RESOUND_FRAMES which other names and sites
are let in, see `demos/server/gate.py`. Every tab has a named API endpoint, see `demos/api.py`,
which programs can also call as a tool (MCP).
"""

import os
import threading

import gradio as gr
from starlette.middleware import Middleware

from core.signal import griffin_lim
from core.signal.limits import LIMITS
from demos import api
from demos.array.live_routes import LiveRoutes
from demos.array.relay_routes import RelayRoutes
from demos.page import lessons, links, theme
from demos.page.history import Histories
from demos.server.addresses import fetch_nothing
from demos.server.bodies import BodyLimits
from demos.server.closed import ClosedMiddleware
from demos.server.documents import DocumentsMiddleware
from demos.server.files import claim_folder, keep_bounded
from demos.server.gate import Gate, GateMiddleware
from demos.server.health import HEALTH
from demos.server.sessions import begin_sessions_empty
from demos.server.tool_calls import ToolCallsMiddleware, serve_tools
from demos.tabs import (
    declipping,
    generation,
    generation_sections,
    inpainting,
    localization,
    prior_inspector,
    separation,
    super_resolution,
    vocoding,
    voice_conversion,
)
from demos.turns.worker import RUNS_AT_ONCE, WAITING_AT_MOST
from demos.voice.live_routes import LiveVoiceRoutes

RESTORATION = (super_resolution.SuperResolutionPanel, inpainting.InpaintingPanel, declipping.DeclippingPanel)

SHORT = {"concurrency_id": "short", "concurrency_limit": RUNS_AT_ONCE}  # looks and beams, which wait for no run
SHORT_EVENTS_AT_MOST = 1000
THREADS = 40 + RUNS_AT_ONCE + WAITING_AT_MOST  # as Gradio counts events that it has begun
SESSIONS_AT_MOST = 1000
CACHE_SWEEP_AND_AGE = (600, 6 * 3600)  # seconds

NO_STATISTICS = {  # which Gradio would make of the last 10,000 events again after each, and which nobody reads
    "GRADIO_ANALYTICS_CACHE_FREQUENCY": str(10**9),
    "GRADIO_ANALYTICS_MAX_EVENTS": "1",
}

relay, live, live_voice = RelayRoutes(), LiveRoutes(), LiveVoiceRoutes()  # their routes stand beside the page's own


def build() -> gr.Blocks:
    """The page."""
    os.environ.update(NO_STATISTICS)
    histories = Histories()
    with gr.Blocks(title="Resound", delete_cache=CACHE_SWEEP_AND_AGE, analytics_enabled=False) as page:
        gr.HTML(theme.header_html(lessons=bool(lessons.lessons())))
        lesson = lessons.build_open()
        with gr.Tabs(elem_classes="jobs", overflow_behavior="wrap") as tabs:
            shared = []
            for panel in RESTORATION:
                with gr.Tab(panel.title, id=panel.task):
                    shared.append(panel(histories).shared)
            with gr.Tab(separation.TITLE, id=separation.TASK):
                shared.append(separation.SeparationPanel(histories).shared)
            with gr.Tab(vocoding.VocodingPanel.title, id=vocoding.VocodingPanel.task):
                shared.append(vocoding.VocodingPanel(histories).shared)
            with gr.Tab(voice_conversion.VoiceConversionPanel.title, id=voice_conversion.VoiceConversionPanel.task):
                said = voice_conversion.VoiceConversionPanel(histories, live_voice)
                shared.append(said.shared)
            with gr.Tab(generation.TITLE, id=generation.TASK):
                sections, of_sections = generation_sections.build(histories, SHORT)
                shared += of_sections
            with gr.Tab(localization.TITLE, id=localization.TASK):
                around = localization.LocalizationPanel(relay, live, SHORT)
            with gr.Tab(prior_inspector.TITLE, id=prior_inspector.TASK):
                shared += [around.shared, prior_inspector.build(SHORT)]
        gr.HTML(lessons.list_html())
        links.wire(page, tabs, shared, {generation.TASK: sections})
        lessons.wire(page, *lesson)
        api.build()

        def forget(request: gr.Request) -> None:
            histories.drop(request.session_hash)
            said.forget(request.session_hash)
            around.forget(request.session_hash)
            live_voice.close(request.session_hash)

        page.unload(forget)
    return page.queue(max_size=SHORT_EVENTS_AT_MOST, default_concurrency_limit=8)


def launch(page: gr.Blocks, **options) -> tuple:
    """Serves the page; options go before those set here. Returns what `gr.Blocks.launch` does."""
    import torch  # after core, which says how torch's threads shall wait

    torch.set_flush_denormal(True)
    fetch_nothing()
    serve_tools()
    begin_sessions_empty()
    gate = Gate.from_environment(options.get("server_name", "127.0.0.1"))
    settings = {
        "theme": theme.build(),
        "css_paths": theme.css_path(),
        "head": theme.HEAD,
        "favicon_path": str(theme.icon_path()),
        "pwa": True,
        "max_threads": THREADS,
        "max_file_size": LIMITS.whole_file_bytes,
        "state_session_capacity": SESSIONS_AT_MOST,
        "footer_links": ["api", "settings"],
        "mcp_server": True,
        "enable_monitoring": False,
        "ssr_mode": False,
        "app_kwargs": {
            "routes": [HEALTH, *relay.routes(), *live.routes(), *live_voice.routes()],
            "middleware": [
                Middleware(GateMiddleware, gate=gate),
                Middleware(ClosedMiddleware),
                Middleware(BodyLimits, upload_bytes=LIMITS.whole_file_bytes),
                Middleware(ToolCallsMiddleware),
                Middleware(DocumentsMiddleware),
            ],
        },
    }
    return page.launch(**settings | options)


def warm_up() -> None:
    """Loads and compiles what is needed first in some seconds, before somebody waits for it."""
    import matplotlib.pyplot  # noqa: F401 (Gradio does at the first event, while nobody is answered)

    griffin_lim.warm_up()


def main() -> None:
    host = os.environ.get("HOST") or os.environ.get("GRADIO_SERVER_NAME", "127.0.0.1")  # a Space sets the latter
    keep_bounded(claim_folder())
    page = build()
    launch(page, server_name=host, server_port=int(os.environ.get("PORT", "7860")), prevent_thread_lock=True)
    threading.Thread(target=warm_up, name="warm-up", daemon=True).start()  # it would make the start longer
    page.block_thread()


if __name__ == "__main__":
    main()
