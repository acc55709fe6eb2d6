# python311 with what services are written with.
FROM python311 AS install
COPY wheels /wheels
COPY requirements.txt /
RUN PYTHONPATH=$(echo /wheels/pip-*.whl) python3 -m pip install --quiet --no-index --find-links=/wheels --no-compile --prefix=/installed \
    --requirement=/requirements.txt
FROM python311
COPY --from=install /installed /usr/local
