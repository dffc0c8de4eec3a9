# Serves the released model by LiteRT, without TensorFlow; docs/serve.md has the commands.

FROM python:3.12-slim AS wheel
WORKDIR /source
COPY pyproject.toml setup.cfg README.md LICENSE ./
COPY configs configs
COPY fashionclf fashionclf
COPY saved_models/fashion_b0 saved_models/fashion_b0
RUN pip wheel --no-cache-dir --no-deps --wheel-dir=/wheels .

FROM python:3.12-slim
RUN useradd --uid 10001 --no-create-home fashionclf
COPY docker/requirements.txt /tmp/requirements.txt
RUN pip install --no-cache-dir --requirement=/tmp/requirements.txt
RUN --mount=from=wheel,source=/wheels,target=/wheels \
    pip install --no-cache-dir --no-deps /wheels/*.whl

USER fashionclf
WORKDIR /tmp
EXPOSE 8000
HEALTHCHECK --interval=30s --timeout=5s --start-period=20s CMD ["python", "-c", \
    "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/healthz', timeout=4)"]
# It needs a token, as the variable FASHIONCLF_TOKEN or as a secret's file in --token_file.
ENTRYPOINT ["fashionclf", "serve", "--host=0.0.0.0"]
