# Debian's Python, with packages by pip beside those of Debian.
FROM realrun-base AS install
COPY wheels /wheels
RUN PYTHONPATH=$(echo /wheels/pip-*.whl) python3 -m pip install --quiet --no-index --find-links=/wheels --no-compile \
    --break-system-packages --ignore-installed pip flask flask-cors fastapi uvicorn gunicorn loguru
FROM realrun-base
COPY --from=install /usr/local /usr/local
