# Renders pictures and clips, and serves the page. Training needs a GPU build of torch and a shared disk: docs/cluster.md.
#
#   docker build --tag prismgan .
#   docker run --rm --volume "$PWD:/pictures" prismgan render photo.jpg --out looks
#   docker run --rm --publish 8000:8000 prismgan serve --host 0.0.0.0 --port 8000
FROM python:3.12-slim AS build
SHELL ["/bin/bash", "-o", "pipefail", "-c"]
WORKDIR /source
COPY pyproject.toml README.md LICENSE NOTICE ./
COPY src src
RUN python -m venv /opt/prismgan \
    && /opt/prismgan/bin/pip install --no-cache-dir --extra-index-url https://download.pytorch.org/whl/cpu '.[web,video]'

FROM python:3.12-slim
COPY --from=build /opt/prismgan /opt/prismgan
ENV PATH=/opt/prismgan/bin:$PATH
RUN useradd --create-home --uid 1000 prismgan
USER 1000
WORKDIR /pictures
EXPOSE 8000
ENTRYPOINT ["prismgan"]
CMD ["--help"]
