# Packages in a virtual environment, which is first on PATH.
FROM python311 AS install
COPY wheels /wheels
RUN python3 -m venv --without-pip /opt/venv \
 && PYTHONPATH=$(echo /wheels/pip-*.whl) /opt/venv/bin/python -m pip install --quiet --no-index --find-links=/wheels --no-compile \
    pip flask flask-cors fastapi uvicorn gunicorn loguru
FROM python311
COPY --from=install /opt/venv /opt/venv
ENV VIRTUAL_ENV=/opt/venv PATH=/opt/venv/bin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
