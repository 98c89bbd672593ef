# Resound on a server of one's own, see docs/hosting.md: not as root, and nothing is written but under /tmp and /data.
#
#     docker build --tag resound .
#     docker run --read-only --tmpfs /tmp --volume resound:/data --publish 127.0.0.1:7860:7860 resound

FROM python:3.12-slim

# Options for pip, such as an index of torch's builds for CPUs, which are much smaller than those for GPUs.
ARG PIP_OPTIONS=""

WORKDIR /opt/resound

COPY packages.txt requirements.lock ./
RUN apt-get update \
    && xargs --arg-file packages.txt apt-get install --yes --no-install-recommends \
    && rm -rf /var/lib/apt/lists/* \
    && pip install --no-cache-dir $PIP_OPTIONS --requirement requirements.lock

COPY app.py ./
COPY core core
COPY demos demos
COPY assets assets
COPY checkpoints checkpoints
COPY docs/lessons docs/lessons
RUN python -m compileall -q core demos \
    && useradd --uid 10001 --no-create-home resound \
    && install --directory --owner resound /data

# Compiled loops, fonts and the like are kept in /tmp; visitors' files and checkpoints of one's own in /data.
ENV HOST=0.0.0.0 \
    PORT=7860 \
    HOME=/tmp \
    RESOUND_HOME=/data \
    RESOUND_DEVICES=0 \
    GRADIO_TEMP_DIR=/data/visitors \
    NUMBA_CACHE_DIR=/tmp/numba \
    MPLCONFIGDIR=/tmp/matplotlib \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1

USER 10001
VOLUME /data
EXPOSE 7860

HEALTHCHECK --interval=30s --timeout=10s --start-period=60s \
    CMD ["python", "-c", "from urllib.request import urlopen; urlopen('http://127.0.0.1:7860/health', timeout=5)"]

CMD ["python", "app.py"]
