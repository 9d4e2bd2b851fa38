from ninja import NinjaAPI

api = NinjaAPI(title="群馬県 政策と決算のポータル API", version="1", docs_url=None)
