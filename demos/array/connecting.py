"""What owners of an array must know to connect it: firmware, channels, this machine or another, the check."""

import gradio as gr

TITLE = "Connect your array"
STEPS = """
<ol class="steps">
<li><b>Firmware.</b> A ReSpeaker Mic Array v2.0 needs the one with six channels, <code>6_channels_firmware.bin</code> of
<code>github.com/respeaker/usb_4_mic_array</code>; the one with a single channel hides the microphones.</li>
<li><b>Channels.</b> Of the six, 1 to 4 are the microphones, 0 is their processed mix and 5 what is being played. Of
another array name them under Advanced, or open its description there.</li>
<li><b>On this machine.</b> Plugged into the one that serves this page, it stands under “Listen to” after “Look again”;
the first command below lists what is plugged in.</li>
<li><b>On another machine.</b> Choose “An array elsewhere, by relay” and run the command shown there; it
sends the microphones to this page, for you alone.</li>
<li><b>Check.</b> Listen live, then tap one microphone after the other under “Are the channels right?”: swapped channels
are the commonest fault.</li>
</ol>
"""
COMMANDS = """python -m core devices
python -m core record taps.wav --array respeaker-4 --seconds 10"""


def build() -> gr.Accordion:
    """Makes the panel; it is opened where no array is plugged in."""
    with gr.Accordion(TITLE, open=False, elem_classes="advanced") as panel:
        gr.HTML(STEPS)
        gr.Textbox(
            COMMANDS,
            label="On the machine with the array",
            info="What is plugged in, and ten seconds of it as a file.",
            lines=2,
            interactive=False,
            buttons=["copy"],
            elem_classes="commands",
        )
    return panel
