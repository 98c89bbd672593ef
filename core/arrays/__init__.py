"""Microphone arrays: where voices come from, and what each of them says.

Here: geometry, angles, steering, spectra, beamformers, refinement, oracles, the channel check, what finders are.
`doa`: directions of arrival without a network (SRP-PHAT, MUSIC), their matching and tracks.
`cone`: the cone search with a separation network.
`scenes`: scenes in simulated rooms, their rendering and their folders.
`live`: devices, the relay, and the live localizer.
"""
