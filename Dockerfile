# A model that answers over HTTP, on a CPU; docs/serving.md says how to build and to start it.
FROM python:3.12-slim

WORKDIR /source
COPY constraints.txt ./
RUN pip install --no-cache-dir torch --constraint constraints.txt --index-url https://download.pytorch.org/whl/cpu

COPY pyproject.toml README.md LICENSE ./
COPY neuralfinder neuralfinder
RUN pip install --no-cache-dir '.[serve]' --constraint constraints.txt && useradd --create-home answering

USER answering
WORKDIR /home/answering
EXPOSE 8518
HEALTHCHECK CMD python -c "import urllib.request as u; u.urlopen('http://127.0.0.1:8518/$NEURALFINDER_TOKEN/health')"
CMD ["neuralfinder", "serve", "/model", "--host", "0.0.0.0"]
