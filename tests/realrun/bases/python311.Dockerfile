# Python as the official images have it: built from source into /usr/local, on a Debian that has no other.
FROM python311-build AS build
WORKDIR /build
RUN tar --strip-components=1 -xf /usr/src/python3.11_*.orig.tar.* \
 && ./configure --prefix=/usr/local --enable-shared --without-ensurepip --disable-test-modules \
 && make --silent -j2 \
 && make --silent install \
 && find /usr/local -name __pycache__ -prune -exec rm -r '{}' + \
 && find /usr/local -name '*.a' -delete \
 && strip --strip-unneeded /usr/local/bin/python3.11 /usr/local/lib/*.so* /usr/local/lib/python3.11/lib-dynload/*.so \
 && ln -s python3 /usr/local/bin/python
FROM python311-debian
COPY --from=build /usr/local /usr/local
RUN ldconfig
ENV PATH=/usr/local/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8
CMD ["python3"]
