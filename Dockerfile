# inpaintx on the CPU: docker build -t inpaintx . (docs/install.md says how to run it).
# PyPI's torch brings CUDA along; `--build-arg TORCH_INDEX=…`, with the address of PyTorch's CPU packages, makes the
# image gigabytes smaller.
FROM python:3.11-slim-bookworm AS build
ARG TORCH_INDEX=
RUN apt-get update \
    && apt-get install -y --no-install-recommends g++ \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY constraints.txt ./
RUN python -m venv /build \
    && /build/bin/pip install --no-cache-dir -c constraints.txt ${TORCH_INDEX:+--index-url "$TORCH_INDEX"} torch \
    && /build/bin/pip install --no-cache-dir -c constraints.txt numpy setuptools cmake ninja pybind11
COPY . ./
RUN INPAINTX_CUDA=OFF /build/bin/pip wheel --no-cache-dir --no-build-isolation --no-deps -w /wheels .

FROM python:3.11-slim-bookworm
ARG TORCH_INDEX=
RUN useradd --create-home inpaintx
COPY constraints.txt /wheels/
COPY --from=build /wheels /wheels
RUN python -m venv /opt/inpaintx \
    && /opt/inpaintx/bin/pip install --no-cache-dir -c /wheels/constraints.txt ${TORCH_INDEX:+--index-url "$TORCH_INDEX"} torch \
    && /opt/inpaintx/bin/pip install --no-cache-dir -c /wheels/constraints.txt /wheels/*.whl \
    && rm -rf /wheels
# A user given by `docker run --user` has no home.
ENV PATH=/opt/inpaintx/bin:$PATH MPLCONFIGDIR=/tmp/matplotlib
USER inpaintx
WORKDIR /data
ENTRYPOINT ["inpaintx"]
CMD ["--help"]
